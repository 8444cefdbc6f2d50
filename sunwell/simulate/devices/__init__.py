"""The simulated models, by protocol."""
