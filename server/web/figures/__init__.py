"""The figures of a month, to look at, to export and to print."""
