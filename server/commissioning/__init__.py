"""Commissioning: a device counts as protecting only after a test was seen from end to end and signed off."""
