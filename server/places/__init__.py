"""Areas, residents, wells and positions: where things are and who lives there."""
