"""How the gateway is: its machine, its clock, its troubles, and who is told."""
