"""Gateways: what each should do (desired state), what it says of itself, and whether it is there."""
