"""Who is protected right now, who is not, why, and since when."""
