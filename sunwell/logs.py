"""Logs: one line an event, readable at a terminal, JSON elsewhere; nothing personal goes in."""

import logging
import sys

import structlog

_least = logging.INFO


def set_level(name: str) -> None:
    """From now on tell what is at least this important: debug, info, warning or error."""
    global _least  # noqa: PLW0603 - a program has one log, and its loggers are made once
    _least = logging.getLevelNamesMapping()[name.upper()]


def _important(_logger: object, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if logging.getLevelNamesMapping().get(name.upper(), logging.ERROR) < _least:
        raise structlog.DropEvent
    return event


def set_up(*, verbose: bool = False) -> None:
    """Sends structlog and the libraries' own logs to standard error."""
    set_level("debug" if verbose else "info")
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            _important,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        # Asked for at each event: who runs a command inside a program gives it a standard error of its own.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("amqtt", "transitions", "pymodbus", "mqtt", "python_multipart", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
