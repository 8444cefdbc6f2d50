"""Telling people: deliveries as rows, the channels that carry them, and the links that answer them."""
