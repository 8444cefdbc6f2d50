"""Agents that read sensors: they fetch bytes and registers, have them decoded, and emit readings."""
