"""Real parts as processes: broker, databases, network faults and a browser, for tests and benchmarks."""
