"""Settings of one gateway: from the environment (SUNWELL_GATEWAY_…), over a TOML file, over the defaults."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

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


class GatewaySettings(BaseSettings):
    """Everything a gateway is told at its start; the rest comes with the desired state.

    `name` is the gateway's own name in all topics, `data` the folder of its lanes, `uplink` the server's
    broker, `devices` the broker at which MQTT sensors speak. `zigbee2mqtt` and `home_assistant` are base
    topics at which devices are found. Quotas are in megabytes.
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
