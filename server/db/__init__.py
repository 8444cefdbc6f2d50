"""The SQL database: its tables, its migrations, and the one door to a transaction."""
