"""Commands on the pages of gateways and devices: forms, and how far each command has come."""
