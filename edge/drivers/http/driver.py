"""Takes what devices and platforms push over HTTP, and answers once it is kept."""

import asyncio
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import Route

from edge.driver import (
    Clock,
    EdgeDevice,
    Emit,
    ReportTrouble,
    TroubleReason,
    TroubleReport,
    cut,
    system_clock,
)
from edge.drivers.http.delivery import Delivery
from edge.drivers.http.intake import Intake
from edge.drivers.http.listener import listening
from edge.drivers.http.seen import Seen
from edge.drivers.http.sources import Directory, HttpSettings, Member, parse_member

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
"""All that a source answers, if only to say that it does not take it."""


class HttpDriver:
    """The driver `http`; see `edge.driver.Driver`. Without settings it listens nowhere, and says so of each
    device. A message that could not be kept is answered 503; the driver runs on."""

    def __init__(
        self,
        devices: Sequence[EdgeDevice],
        *,
        emit: Emit,
        trouble: ReportTrouble,
        settings: HttpSettings | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._trouble = trouble
        self._settings = settings
        self._clock = clock
        self._emit = emit
        self._directory = Directory(())
        self._secrets: dict[str, str] = {}
        self.ready = asyncio.Event()
        """Set while it listens."""
        self.address: tuple[str, int] | None = None
        """Where it listens, while it does."""
        self.apply(devices)

    def apply(self, devices: Sequence[EdgeDevice]) -> None:
        """Replace the devices."""
        members: list[Member] = []
        for device in devices:
            try:
                if self._settings is None:
                    raise ValueError("this gateway does not listen for HTTP; set `http` in its settings")  # noqa: TRY301 - one way to report
                members.append(parse_member(device, self._settings.sources))
            except ValueError as error:
                self._report(device.id, TroubleReason.BAD_ADDRESS, str(error))
        self._directory = Directory(members)
        self._known = frozenset(one.device.id for one in members)

    def away(self) -> frozenset[str]:
        """All devices, while it should listen and does not."""
        return frozenset() if self._settings is None or self.ready.is_set() else self._known

    async def run(self) -> None:
        """Listen until cancelled. Raises OSError if it can't."""
        settings = self._settings
        if settings is None:
            await asyncio.Event().wait()
            return
        self._secrets = await asyncio.to_thread(self._read_secrets, settings)
        seen = await asyncio.to_thread(Seen, settings.seen_file)
        try:
            intake = Intake(
                settings,
                delivery=Delivery(self._emit, self._trouble, self._clock, seen),
                directory=lambda: self._directory,
                secret_of=self._secrets.get,
                clock=self._clock,
            )
            app = Starlette(
                routes=[
                    Route("/in/{source}", intake.answer, methods=METHODS),
                    Route("/in/{source}/{rest:path}", intake.answer, methods=METHODS),
                ]
            )
            async with listening(
                app,
                host=settings.host,
                port=settings.port,
                certificate=settings.certificate,
                key=settings.key,
            ) as self.address:
                self.ready.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    self.ready.clear()
        finally:
            self.address = None
            seen.close()

    def _read_secrets(self, settings: HttpSettings) -> dict[str, str]:
        """The secrets by source. One that can't be read closes its source, and no other."""
        found: dict[str, str] = {}
        for name, source in settings.sources.items():
            if source.auth == "device":
                found[name] = ""
                continue
            try:
                if source.secret_file is None:
                    raise ValueError("it needs a secret_file")  # noqa: TRY301 - one way to report
                text = source.secret_file.read_text(encoding="utf-8").strip()
                if not text:
                    raise ValueError(f"{source.secret_file} is empty")  # noqa: TRY301
                found[name] = text
            except (OSError, ValueError) as error:
                self._report(name, TroubleReason.UNAUTHORIZED, f"the source is closed: {error}")
        return found

    def _report(self, source: str, reason: TroubleReason, detail: str) -> None:
        self._trouble(TroubleReport(source=cut(source), reason=reason, detail=cut(detail)))
