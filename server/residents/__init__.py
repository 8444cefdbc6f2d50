"""Residents: whom to call, when they are away, what they agreed to, and what becomes of their data."""
