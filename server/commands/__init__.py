"""Commands: asking gateways and devices for something, and following what becomes of it."""
