"""People and their own settings: who works here, what they can, where and how they are reached."""
