"""Covers and wells: tilt against the installed angle, roadworks, water, and crews who go down."""
