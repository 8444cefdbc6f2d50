"""Pages of the rules that a manager may change."""
