"""Rules of the house as data: what a manager edits in the pages, with its history."""
