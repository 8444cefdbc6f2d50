"""The two durable lanes: alarms, which are never lost, and telemetry, of which at most 10 s are."""
