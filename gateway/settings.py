"""Settings of one gateway: from the environment (SUNWELL_GATEWAY_…), over a TOML file, over the defaults."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from edge.core.http_auth import Auth
from edge.core.pushes import Kind
from gateway.outputs.settings import Outputs

PREFIX: Final = "SUNWELL_GATEWAY_"
FILE_VARIABLE: Final = f"{PREFIX}FILE"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TlsFiles(_Part):
    """Certificates, as paths. `certificate` and `key` only where the broker asks who we are."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None


class Broker(_Part):
    """An MQTT broker. The password stands in a file of its own, readable by the gateway alone.

    `version` "3.1.1" is for brokers without MQTT 5, which are found out anyway by one connection more.
    """

    host: str = "localhost"
    port: int = Field(default=1883, ge=1, le=65535)
    user: str | None = None
    password_file: Path | None = None
    tls: TlsFiles | None = None
    version: Literal["5", "3.1.1"] = "5"

    def password(self) -> str | None:
        """What the password file holds. Raises OSError if it can't be read."""
        if self.password_file is None:
            return None
        return self.password_file.read_text(encoding="utf-8").strip()


class ServerFiles(_Part):
    """Certificate (with its chain) and key of a server, as paths."""

    certificate: Path
    key: Path


class HttpSource(_Part):
    """Who may push and how it proves itself; see docs/http.md. The secret stands in a file of its own."""

    kind: Kind = "webhook"
    auth: Auth = "device"
    user: str = ""
    secret_file: Path | None = None
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] = "Authorization"

    @model_validator(mode="after")
    def _can_prove(self) -> Self:
        if self.auth != "device" and self.secret_file is None:
            raise ValueError(f"auth {self.auth} needs a secret_file")
        if self.auth in ("basic", "digest") and not self.user:
            raise ValueError(f"auth {self.auth} needs a user")
        return self


class HttpListener(_Part):
    """Where terminals and platforms push to. `sources` are by the name that follows `/in/` in their URLs."""

    host: str = "0.0.0.0"  # noqa: S104 - terminals come from the local network; each has to prove itself
    port: int = Field(default=8480, ge=0, le=65535)
    tls: ServerFiles | None = None
    sources: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")], HttpSource] = Field(
        default_factory=dict
    )
    most_body_mb: int = Field(default=8, ge=1, le=64)
    body_s: float = Field(default=30, gt=0, le=300)


class EnrolPage(_Part):
    """Where a gateway that has not enrolled yet serves a page for its code, for its local network only."""

    enabled: bool = True
    host: str = "0.0.0.0"  # noqa: S104 - the installer's telephone comes from the local network
    port: int = Field(default=8481, ge=0, le=65535)


class GatewaySettings(BaseSettings):
    """Everything a gateway is told at its start; the rest comes with the desired state.

    `name` is the gateway's own name in all topics, `data` the folder of its lanes, `uplink` the server's
    broker, `devices` the broker at which MQTT sensors speak. `zigbee2mqtt` and `home_assistant` are base
    topics at which devices are found; `patterns` name the profile of all that speaks on a topic pattern.
    `http` lets devices and platforms push; without it nothing listens. `outputs` are what people
    see and hear at the gateway. Quotas are in megabytes.
    """

    model_config = SettingsConfigDict(
        frozen=True, env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", toml_file=None
    )

    name: str = Field(default="gateway", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    data: Path = Path("data/gateway")
    uplink: Broker = Broker()
    devices: Broker = Broker()
    discover: tuple[str, ...] = ()
    zigbee2mqtt: tuple[str, ...] = ()
    home_assistant: tuple[str, ...] = ()
    patterns: dict[Annotated[str, Field(min_length=1, max_length=256)], str] = Field(default_factory=dict)
    http: HttpListener | None = None
    outputs: Outputs = Outputs()
    identity: Path = Path("data/identity")
    page: EnrolPage = EnrolPage()
    alarm_quota_mb: int = Field(default=64, ge=1)
    data_quota_mb: int = Field(default=256, ge=1)

    @classmethod
    def read(cls, file: Path | None = None, environment: Mapping[str, str] | None = None) -> Self:
        """The settings; `file` is a TOML file, by default the one that SUNWELL_GATEWAY_FILE names.

        Raises OSError, tomllib.TOMLDecodeError or pydantic.ValidationError saying what is wrong.
        """
        named = (os.environ if environment is None else environment).get(FILE_VARIABLE)
        path = file or (Path(named) if named else None)
        written: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")) if path is not None else {}
        return cls(**written)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, which is passed as init values."""
        return env_settings, init_settings
