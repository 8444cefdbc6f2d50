"""Devices that gateways have found at their brokers, waiting to be adopted."""
