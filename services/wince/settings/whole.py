"""All parts together, and how they are read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from wince.errors import ConfigError
from wince.settings.cameras import Cameras
from wince.settings.database import Database
from wince.settings.ehr import Ehr
from wince.settings.hl7 import Hl7
from wince.settings.installation import Installation
from wince.settings.kafka import Kafka
from wince.settings.services import Services
from wince.settings.sources import SECRETS, SecretFiles, checked
from wince.settings.telemetry import Telemetry

OUTSIDE = ("WINCE_CONFIG", "WINCE_HEAD_DATA", "WINCE_SHARED", "WINCE_PEERS_DIR", "WINCE_LOG_COLOUR")
"""Variables with the prefix that are not settings."""


class Settings(Installation, Cameras, Database, Ehr, Hl7, Telemetry, Kafka, Services, BaseSettings):
    """Everything that can be set, with its default."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="WINCE_", env_ignore_empty=True, env_nested_delimiter="__"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, secrets from files, the TOML file."""
        sources = [init_settings, env_settings, SecretFiles(settings_cls)]
        if path := os.environ.get("WINCE_CONFIG"):
            sources.append(TomlConfigSettingsSource(settings_cls, checked(Path(path))))
        return tuple(sources)


def load(**arguments: Any) -> Settings:
    """Read settings; arguments that are None don't count. Raises ConfigError naming the key and what to do."""
    known = {f"WINCE_{name.upper()}" for name in Settings.model_fields} | {f"WINCE_{name.upper()}_FILE" for name in SECRETS}
    for name in os.environ:
        if name.startswith("WINCE_") and name.split("__", 1)[0] not in known and name not in OUTSIDE:
            raise ConfigError("unknown setting", field=name, remedy="remove it, or correct its name; `wince config show` lists them")
    try:
        return Settings(**{key: value for key, value in arguments.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigError(said, field=key, remedy="correct or remove it; `wince config show` lists every setting") from None
    except SettingsError as error:
        raise ConfigError(str(error).splitlines()[0], field="WINCE_*", remedy="lists are written as JSON in the environment") from None
