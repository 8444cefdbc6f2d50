#!/bin/bash
# Runs once, when the database is made: a role for dashboards. It can read nothing until a view is granted
# to it: tables hold names, telephone numbers and addresses, which belong on no wall.
set -eu
password_file=${GRAFANA_PASSWORD_FILE:-/run/secrets/postgres_grafana_password}
psql -v ON_ERROR_STOP=1 -v password="$(cat "$password_file")" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE grafana LOGIN NOINHERIT CONNECTION LIMIT 10 PASSWORD :'password';
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '15s';
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO grafana;
SQL
