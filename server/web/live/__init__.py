"""Streams of server-sent events for open pages."""
