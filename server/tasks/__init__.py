"""Tasks: what a person has to do about a subject, from the first breach to the outcome."""
