"""A resident's daily rhythm: learned from their sensors, and what follows when today is not like it."""
