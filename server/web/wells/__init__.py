"""The pages of wells and of the work there."""
