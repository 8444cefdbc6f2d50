"""Pages of residents, their absences and consents, and of stations."""
