"""Tests of what is kept of kiosks."""
