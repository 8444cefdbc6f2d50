"""The enrolment part of a gateway's page."""
