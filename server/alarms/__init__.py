"""Alarms: the record of breaches and of each occurrence under them."""
