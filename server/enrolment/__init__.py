"""Enrolling gateways: codes, certificates of the server's own authority, and rights at the broker."""
