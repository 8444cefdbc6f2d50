"""Readings over time: one interface, two stores. InfluxDB in production, SQLite embedded."""
