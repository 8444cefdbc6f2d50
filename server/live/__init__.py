"""What has just changed, told to everybody who looks: the bus inside a process, the relay between them."""
