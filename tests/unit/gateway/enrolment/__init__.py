"""Tests of gateway.enrolment."""
