"""The driver for what is pushed over HTTP: by face terminals themselves, or by operators' platforms."""

from edge.drivers.http.driver import HttpDriver
from edge.drivers.http.sources import HttpSettings, Source

__all__ = ["HttpDriver", "HttpSettings", "Source"]
