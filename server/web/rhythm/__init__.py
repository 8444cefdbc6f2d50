"""A resident's rhythm as a page: the days, what is learned from them, and what a manager lays down."""
