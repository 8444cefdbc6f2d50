"""Temperature kiosks: how many people and fevers by hour, and nothing by which a visitor could be known."""
