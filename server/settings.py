"""The server's settings: one frozen value, built in the command line, handed down. Secrets are files."""

import secrets
from pathlib import Path
from typing import Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

ADDRESS: Final = r"^$|^([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:]{2,45}\]):[0-9]{1,5}$"


class ServerSettings(BaseSettings):
    """Read from the environment (`SUNWELL_SERVER_…`). A `…_file` holds one secret on its first line."""

    model_config = SettingsConfigDict(env_prefix="SUNWELL_SERVER_", frozen=True, extra="forbid")

    data: Path = Field(default=Path("data"), description="Folder of the embedded parts' files")
    database_url: str = Field(default="", description="SQLAlchemy URL; empty: SQLite in the data folder")
    database_password_file: Path | None = Field(default=None, description="Password of the database user")
    timeseries: str = Field(
        default="", description="sqlite:///FILE or influxdb+http://HOST:PORT/BUCKET; empty: SQLite"
    )
    influx_org: str = Field(default="sunwell", description="InfluxDB organisation")
    influx_token_file: Path | None = Field(default=None, description="InfluxDB token")
    mqtt_host: str = Field(default="127.0.0.1", description="Broker that the gateways speak to")
    mqtt_port: int = Field(default=1883, description="Its port")
    mqtt_user: str | None = Field(default=None, description="The server's user there")
    mqtt_password_file: Path | None = Field(default=None, description="… and password")
    mqtt_ca_file: Path | None = Field(
        default=None, description="CA of the broker's certificate: turns TLS on"
    )
    mqtt_version: Literal["5", "3.1.1"] = Field(
        default="5", description="3.1.1 is for the embedded broker only"
    )
    http_host: str = Field(default="127.0.0.1", description="Address that the pages and the API listen on")
    http_port: int = Field(default=8000, description="Its port; 0 takes a free one")
    https_only: bool = Field(default=False, description="Cookies only over HTTPS (behind a TLS proxy)")
    gateway_grace_s: float = Field(
        default=60.0, description="A gateway silent for this long is a fault; also the grace after a start"
    )
    ca: Path | None = Field(
        default=None, description="Folder of the authority's keys; empty: `authority` in the data folder"
    )
    enrol_address: str = Field(
        default="",
        pattern=ADDRESS,
        description="HOST:PORT at which gateways reach `enrol_port`, as codes say; empty: nobody enrols",
    )
    enrol_host: str = Field(
        default="0.0.0.0",  # noqa: S104 - gateways come from everywhere; each needs a code or its key
        description="Address that gateways enrol and renew at, over TLS with the authority's certificate",
    )
    enrol_port: int | None = Field(
        default=None, ge=0, le=65535, description="Its port; empty: none is opened"
    )
    gateway_broker: str = Field(
        default="", pattern=ADDRESS, description="HOST:PORT of the broker's TLS listener, told to gateways"
    )
    code_minutes: int = Field(default=60, ge=1, le=10_080, description="For how long a code may be used")
    certificate_days: int = Field(
        default=90, ge=2, le=3_650, description="Life of a gateway's certificate; renewed after two thirds"
    )
    gateway_page: str = Field(
        default="http://sunwell.local:8481/",
        description="Address of a new gateway's own page in its local network; stands in the QR code",
    )
    photos: Path | None = Field(
        default=None, description="Folder of installation photos; empty: `photos` in the data folder"
    )
    retest_days: dict[str, int] = Field(
        default_factory=dict, description='Days until the next test, by family: {"button": 60}'
    )
    channels_file: Path | None = Field(
        default=None,
        description="People's addresses for messages (docs/dispatch.md), mode 600; empty: the pages alone",
    )
    public_url: str = Field(
        default="",
        pattern=r"^$|^https?://[^\s/]+",
        description="Address at which people reach the pages, for the links in messages; empty: no links",
    )
    link_key_file: Path | None = Field(
        default=None,
        description="Key that signs these links, the same at all servers; empty: made in the data folder",
    )
    seal_key_file: Path | None = Field(
        default=None,
        description="Keys that personal data is sealed with, one a line, the newest first, the same at all "
        "servers; empty: made in the data folder. Without them the data is lost: keep a copy elsewhere",
    )
    push_key_file: Path | None = Field(
        default=None,
        description="Key that web push is signed with, the same at all servers; empty: made in the folder",
    )
    push_hosts: tuple[str, ...] = Field(
        default=(
            "fcm.googleapis.com",
            "push.services.mozilla.com",
            "push.apple.com",
            "notify.windows.com",
        ),
        description="Web push services that browsers may name (each with its subdomains)",
    )
    profiles: Path | None = Field(default=None, description="Folder of further profiles of your own")

    @property
    def effective_database_url(self) -> str:
        """The database URL, with the embedded default filled in."""
        return self.database_url or f"sqlite:///{self.data / 'sunwell.db'}"

    @property
    def effective_ca(self) -> Path:
        """The folder of the authority's keys."""
        return self.ca or self.data / "authority"

    @property
    def enrols(self) -> bool:
        """Whether gateways can enrol here: all that they need is set."""
        return bool(self.enrol_address and self.gateway_broker)

    @property
    def effective_photos(self) -> Path:
        """The folder of photos. Several servers have to share it."""
        return self.photos or self.data / "photos"

    @property
    def effective_timeseries(self) -> str:
        """The time-series URL, with the embedded default filled in."""
        return self.timeseries or f"sqlite:///{self.data / 'readings.db'}"


def read_secret(file: Path | None) -> str | None:
    """The first line of a secret's file. Raises OSError where it cannot be read."""
    return None if file is None else file.read_text(encoding="utf-8").splitlines()[0].strip()


def make_secret(file: Path) -> str:
    """The secret in `file`; made, and readable by its owner only, where there is none."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32) + "\n", encoding="utf-8")
    return read_secret(file) or ""
