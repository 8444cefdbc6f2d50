"""Tests of server.enrolment."""
