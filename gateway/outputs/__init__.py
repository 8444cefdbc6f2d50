"""What sounds and lights beside the gateway, with or without a network."""
