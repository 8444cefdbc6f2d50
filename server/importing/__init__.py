"""Residents, wells, positions and devices from tables: checked whole, written whole or not at all."""
