"""The map of the street, drawn without anybody else's tiles."""
