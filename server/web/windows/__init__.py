"""Pages of declared work and drills."""
