"""Charts: which points of a device are drawn, how, and the readings for them."""
