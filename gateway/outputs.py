"""What people see or hear at the gateway: a light, a buzzer, a siren."""

from typing import Protocol


class OutputError(Exception):
    """The output does not work; the text says what to look at."""


class Output(Protocol):
    """One output. `name` is what a reply calls it ("LED", "buzzer")."""

    name: str

    async def locate(self, seconds: float) -> None:
        """Begin to blink or beep, so that somebody in the room finds the gateway; it ends by itself. Raises
        OutputError."""
