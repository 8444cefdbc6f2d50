"""Becoming a known gateway: a code, a key made here, a certificate from the server, and its renewal."""
