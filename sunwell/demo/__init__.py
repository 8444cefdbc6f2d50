"""The demo: all of Sunwell in one process on embedded parts, with a simulated street around it."""
