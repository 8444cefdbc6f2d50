"""Gateways: what each says of itself."""
