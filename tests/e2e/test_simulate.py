"""The street on its own, beside a real server, as compose runs it."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.system import RealSystem, start, stop, wait_for


@pytest.mark.soak
async def test_the_street_registers_itself_and_is_read(real_system: RealSystem, tmp_path: Path) -> None:
    """The token's file appears only after the street has begun."""
    token = tmp_path / "later" / "api-token"
    broker = real_system.device_broker
    words = [
        "simulate",
        *("--port", str(broker.port), "--user", "devices"),
        *("--password-file", str(broker.password_file("devices"))),
        *("--server", real_system.api.url, "--token-file", str(token)),
        *("--gateway", real_system.gateway, "--modbus-name", "localhost", "--modbus-port", "0"),
        *("--homes", "4", "--interval", "1"),
    ]
    process = start(words, log=tmp_path / "simulate.log")
    try:
        token.parent.mkdir()
        token.write_text(real_system.api.token)

        def read() -> Any:
            gateways = real_system.api("GET", "/gateways")
            return [one for one in gateways if one["id"] == real_system.gateway and one["online"]]

        await wait_for("registration", lambda: real_system.api("GET", "/devices"))
        await wait_for("the gateway", read)
        await wait_for(
            "readings from homes, wells and kiosks",
            lambda: (
                {position[0] for position in real_system.api("GET", "/readings/latest")} >= {"h", "w", "k"}
            ),
        )
    finally:
        assert stop(process) == 0
