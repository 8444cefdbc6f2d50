"""The live list of tasks, and one task with all that is needed to deal with it."""
