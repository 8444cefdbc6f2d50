"""How the words of others' vectors map to our points."""
