"""A PostgreSQL database put back as it was: much cheaper than a new copy, which is a thousand files.

What the tables and sequences held is kept in a schema beside them. A database whose tables were themselves
changed is not put back.
"""

from typing import Final

import psycopg

KEEP: Final = """
DO $$
DECLARE one record;
BEGIN
    CREATE SCHEMA pristine;
    FOR one IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'
    LOOP
        EXECUTE format('CREATE TABLE pristine.%1$I AS TABLE public.%1$I', one.name);
    END LOOP;
    CREATE TABLE pristine."*sequences" AS
        SELECT quote_ident(sequencename) AS name, start_value AS value, last_value
        FROM pg_sequences WHERE schemaname = 'public';
    CREATE TABLE pristine."*shape" AS SELECT ''::text AS shape;
END $$
"""
SHAPE: Final = """
SELECT md5(
    string_agg(format('%s %s %s %s', attrelid, attname, atttypid, attnotnull), ',' ORDER BY attrelid, attnum)
)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND attnum > 0
"""
PUT_BACK: Final = """
DO $$
DECLARE one record; filled boolean;
BEGIN
    FOR one IN SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', one.name) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM public.%I', one.name);
        END IF;
        EXECUTE format('SELECT EXISTS (SELECT FROM pristine.%I)', one.name) INTO filled;
        IF filled THEN
            EXECUTE format(
                'INSERT INTO public.%1$I OVERRIDING SYSTEM VALUE SELECT * FROM pristine.%1$I', one.name
            );
        END IF;
    END LOOP;
    FOR one IN SELECT name, value, last_value FROM pristine."*sequences"
    LOOP
        PERFORM setval(
            'public.' || one.name, coalesce(one.last_value, one.value), one.last_value IS NOT NULL
        );
    END LOOP;
END $$
"""
OTHERS: Final = """
SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def keep(connection: psycopg.Connection) -> None:
    """Remembers what the database holds now."""
    connection.execute(KEEP)
    connection.execute(f'UPDATE pristine."*shape" SET shape = ({SHAPE})')


def put_back(connection: psycopg.Connection) -> bool:
    """Puts it back, whoever is still connected; says whether that could be: its tables are as they were."""
    connection.execute(OTHERS)
    row = connection.execute(f'SELECT shape = ({SHAPE}) FROM pristine."*shape"').fetchone()
    if row is None or not row[0]:
        return False
    connection.execute("SET session_replication_role = replica")  # no foreign key is checked or followed
    connection.execute(PUT_BACK)
    return True
