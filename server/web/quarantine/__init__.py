"""Messages that could not be used, shown to maintenance."""
