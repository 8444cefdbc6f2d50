"""Dispatch: who is told of a task, in what order, and what happens when nobody answers."""
