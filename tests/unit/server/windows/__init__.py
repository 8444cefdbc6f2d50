"""Tests of declared times."""
