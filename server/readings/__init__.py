"""Readings for people: the newest values and charts, from whichever time-series store is in use."""
