"""The roster's page: who is on duty when, gaps in red, entering shifts and swapping them."""
