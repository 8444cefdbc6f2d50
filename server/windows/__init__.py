"""Times in which alarms are expected: work at a place (recorded, nobody is told), and drills (tests)."""
