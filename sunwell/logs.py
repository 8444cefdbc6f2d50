"""Logs: one line an event, readable at a terminal, JSON elsewhere; nothing personal goes in."""

import logging
import sys

import structlog


def set_up(*, verbose: bool = False) -> None:
    """Sends structlog and the libraries' own logs to standard error."""
    level = logging.DEBUG if verbose else logging.INFO
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("amqtt", "transitions", "pymodbus", "mqtt", "python_multipart"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
