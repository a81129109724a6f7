"""Where a setting's value comes from: an environment variable, a secret's file, a line of the TOML file, or the default."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from wince import plain_file
from wince.settings.sources import SECRETS
from wince.toml.lines import KeyPath, nearest, path_lines


@dataclass(frozen=True)
class Origins:
    """Sources of one process' settings, as they are when this is made."""

    file: str = field(default_factory=lambda: os.environ.get("WINCE_CONFIG", ""))
    found: dict[KeyPath, int] = field(init=False)
    """Keys of the TOML file, and their lines."""
    variables: dict[str, str] = field(init=False)
    """Variables of the environment that hold something: upper case name -> name as it is."""

    def __post_init__(self) -> None:
        """Reads the TOML file, if there is one."""
        object.__setattr__(self, "variables", {name.upper(): name for name, value in os.environ.items() if value})
        try:
            text = plain_file.read(self.file).decode("utf-8") if self.file else ""
        except (OSError, UnicodeDecodeError):  # told by who reads settings from it
            text = ""
        object.__setattr__(self, "found", path_lines(text))

    def of(self, path: KeyPath) -> str:
        """Such as "WINCE_SITE", "WINCE_PG_DSN_FILE=/run/dsn", "wince.toml line 7"; "default" where nothing sets it."""
        name = "WINCE_" + "__".join(str(part) for part in path).upper()
        whole = f"WINCE_{path[0]}".upper()
        if name in self.variables:
            return self.variables[name]
        if whole in self.variables and self._holds(whole, path):
            return self.variables[whole]
        if path[0] in SECRETS and f"{whole}_FILE" in self.variables:
            return f"{whole}_FILE={os.environ[f'{whole}_FILE']}"
        line = nearest(self.found, path) if self._here(path) else None
        return f"{self.file} line {line}" if line is not None else "default"

    def _here(self, path: KeyPath) -> bool:
        """Whether the file says this key itself, or a list around it; a table that holds other keys doesn't."""
        return path in self.found or any(isinstance(part, int) for part in path) or (len(path) == 1 and bool(nearest(self.found, path)))

    def _holds(self, variable: str, path: KeyPath) -> bool:
        """Whether the JSON of a table's variable says this key."""
        if len(path) == 1 or isinstance(path[1], int):
            return True
        try:
            value = json.loads(os.environ[self.variables[variable]])
        except ValueError:
            return True
        return isinstance(value, dict) and path[1] in value


def known_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Keys beside the last of `path`: what could have been meant."""
    inner: Any = model
    for part in path[:-1]:
        if isinstance(part, int):
            continue
        described = inner.model_fields.get(part) if inner else None
        inner = model_in(described.annotation) if described is not None else None
    return list(inner.model_fields) if inner else []


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field's type is, or holds in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in getattr(annotation, "__args__", ()) if (found := model_in(inner)) is not None), None)
