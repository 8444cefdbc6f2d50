"""Answer times, false alarms and what else a month of work amounts to."""
