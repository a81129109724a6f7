"""Where settings come from besides arguments and the environment: files of secrets, the TOML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic_settings import PydanticBaseSettingsSource

from wince import plain_file
from wince.errors import ConfigError
from wince.toml.lines import NotToml, parsed

SECRETS = ("pg_dsn", "kafka_password")
"""Settings that may come from a file named by `WINCE_<NAME>_FILE`."""
MAX_FILE = 1 << 20
"""Bytes; a configuration file above this is refused."""


class SecretFiles(PydanticBaseSettingsSource):
    """`WINCE_PG_DSN_FILE=/run/secrets/dsn` sets pg_dsn."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """The content of its file, where one is named."""
        name = f"WINCE_{field_name.upper()}_FILE"
        path = os.environ.get(name) if field_name in SECRETS else None
        try:
            return (plain_file.read(path).decode("utf-8").strip() if path else None), field_name, False
        except OSError as error:
            raise ConfigError(error.strerror or "can't be read", field=f"{name}={path}", remedy="name a readable file") from None
        except UnicodeDecodeError:
            raise ConfigError("is not UTF-8", field=f"{name}={path}", remedy="name a text file") from None

    def __call__(self) -> dict[str, Any]:
        """Every secret that a file gives."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


def checked(path: Path) -> Path:
    """The TOML file, readable and of a sane size; the library would silently ignore an absent one."""
    try:
        parsed(plain_file.read(path, MAX_FILE).decode("utf-8"))
        return path
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=f"WINCE_CONFIG={path}", remedy="name a readable TOML file") from None
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8", field=str(path), remedy="save it as UTF-8") from None
    except NotToml as error:
        raise ConfigError(error.message, field=f"{path} line {error.line}", remedy="correct the line that is named") from None
