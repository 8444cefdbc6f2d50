"""Playbooks and the people they call, and the page behind the links in messages."""
