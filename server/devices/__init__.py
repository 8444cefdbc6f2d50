"""Devices, and the positions that they are attached to from day to day."""
