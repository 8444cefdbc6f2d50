"""Pages of the temperature kiosks."""
