"""The list of devices, one device, and registering a new one."""
