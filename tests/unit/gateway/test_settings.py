"""Settings: the environment over a file over the defaults; secrets stand in files; mistakes are named."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.settings import GatewaySettings

TOML = """
name = "street-7"
data = "/var/lib/sunwell"
data_quota_mb = 1024

[uplink]
host = "broker.example"
port = 8883
tls.ca = "/etc/sunwell/ca.pem"
"""


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gateway.toml").write_text(TOML)
    monkeypatch.setenv("SUNWELL_GATEWAY_NAME", "street-8")
    monkeypatch.setenv("SUNWELL_GATEWAY_UPLINK__PORT", "1884")
    found = GatewaySettings.read(tmp_path / "gateway.toml")
    assert (found.name, found.data_quota_mb) == ("street-8", 1024)
    assert (found.uplink.host, found.uplink.port) == ("broker.example", 1884)
    assert found.uplink.tls is not None
    assert found.devices.host == "localhost"


def test_the_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gateway.toml").write_text(TOML)
    monkeypatch.setenv("SUNWELL_GATEWAY_FILE", str(tmp_path / "gateway.toml"))
    assert GatewaySettings.read().name == "street-7"


@pytest.mark.parametrize("line", ['nmae = "x"', "name = 'a/b'", "uplink.port = 0", "data_quota_mb = 0"])
def test_mistakes_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "gateway.toml").write_text(line)
    with pytest.raises(ValidationError):
        GatewaySettings.read(tmp_path / "gateway.toml")


def test_a_password_stands_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    found = GatewaySettings.model_validate({"uplink": {"password_file": tmp_path / "secret"}})
    assert found.uplink.password() == "s3cret"
    assert "s3cret" not in repr(found)


def test_sources_of_http_can_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUNWELL_GATEWAY_HTTP__PORT", "8481")
    monkeypatch.setenv(
        "SUNWELL_GATEWAY_HTTP__SOURCES",
        '{"kiosks": {"kind": "hikvision"}, "aep": {"kind": "ctwing", "auth": "path", "secret_file": "/s"}}',
    )
    found = GatewaySettings.read().http
    assert found is not None
    assert (found.port, found.sources["kiosks"].auth, found.sources["aep"].kind) == (8481, "device", "ctwing")


@pytest.mark.parametrize(
    "source",
    [
        'auth = "header"',
        'auth = "basic"\nsecret_file = "/s"',
        'kind = "alibaba"',
        'auth = "none"',
        'header = "X Y"',
    ],
)
def test_a_source_that_could_not_prove_itself_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "gateway.toml").write_text(f"[http.sources.one]\n{source}\n")
    with pytest.raises(ValidationError):
        GatewaySettings.read(tmp_path / "gateway.toml")
