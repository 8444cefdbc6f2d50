"""How a person is reached: their addresses, and the browsers that may be woken."""
