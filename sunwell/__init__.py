"""The command line and the demo: the only place that puts all parts into one process."""
