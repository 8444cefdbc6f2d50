"""Who is unprotected now, and the hours of a month."""
