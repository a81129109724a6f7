"""All parts together, as one model."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from wince.settings.anchors import Anchors
from wince.settings.archive import Archive
from wince.settings.cameras import Cameras
from wince.settings.care import Care
from wince.settings.census import Census
from wince.settings.database import Database
from wince.settings.ehr import Ehr
from wince.settings.ehr_sign_in import EhrSignIn
from wince.settings.ehr_writing import EhrWriting
from wince.settings.health import Health
from wince.settings.hl7 import Hl7
from wince.settings.hospital import Hospital
from wince.settings.imaging import Imaging
from wince.settings.installation import Installation
from wince.settings.kafka import Kafka
from wince.settings.oru import Oru
from wince.settings.retention import Retention
from wince.settings.routing import Routing
from wince.settings.services import Services
from wince.settings.sources import SecretFiles, checked
from wince.settings.telemetry import Telemetry


class Settings(
    Installation, Routing, Cameras, Care, Retention, Census, Database, Anchors, Ehr, EhrSignIn, EhrWriting, Oru, Archive, Hl7,
    Hospital, Imaging, Telemetry, Health, Kafka, Services, BaseSettings,
):  # fmt: skip
    """Everything that can be set, with its default."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix="WINCE_", env_ignore_empty=True, env_nested_delimiter="__")

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
