"""The rule engine: pure, so that the gateway judges with it and the server can replay the past through it."""
