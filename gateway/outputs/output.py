"""What people see or hear at the gateway: a light, a buzzer, a siren, a voice."""

from typing import Protocol


class OutputError(Exception):
    """The output does not work; the text says what to look at."""


class Output(Protocol):
    """One output that can draw attention. `name` is what a reply calls it ("LED", "buzzer")."""

    name: str

    async def locate(self, seconds: float) -> None:
        """Begin to blink or beep, so that somebody in the room finds the gateway; it ends by itself. Raises
        OutputError."""


class Switch(Protocol):
    """Something that is on or off: a lamp, a relay with a siren behind it."""

    name: str

    def set(self, on: bool) -> None:
        """Switch it; the same again does nothing. Returns at once. Raises OutputError."""

    def close(self) -> None:
        """Switch it off and let go of it."""


class Speaker(Protocol):
    """Something that says a sentence."""

    name: str

    async def say(self) -> None:
        """Say it once; a cancelled call falls silent at once. Raises OutputError."""


class Button(Protocol):
    """A push button in the room. Its presses go to whom it was made for."""

    name: str

    def open(self) -> None:
        """Begin to listen; again, once it listens, does nothing. Raises OutputError."""

    def close(self) -> None:
        """Stop listening."""
