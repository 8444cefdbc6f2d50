"""Who did or saw what, when and why."""
