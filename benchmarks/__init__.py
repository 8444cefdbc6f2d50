"""What is measured: whole systems as their users run them, on one machine."""
