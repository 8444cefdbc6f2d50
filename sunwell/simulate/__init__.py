"""Simulated sensors that speak their makers' protocols: for the demo and for tests. Written from the makers'
layouts, apart from the decoder, so that each checks the other."""
