"""How settings are read: the sources of `whole.Settings`, and errors that name the key, where it is set, and what to do."""

from __future__ import annotations

import os
import tomllib
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from wince import plain_file
from wince.control import REMEDY, WORDS, has_control
from wince.errors import ConfigError, meant
from wince.settings.catalogue import by_path
from wince.settings.origin import Origins, known_keys
from wince.settings.sources import SECRETS
from wince.settings.whole import Settings
from wince.toml.lines import KeyPath

OUTSIDE = ("WINCE_CONFIG", "WINCE_HEAD_DATA", "WINCE_SHARED", "WINCE_PEERS_DIR", "WINCE_LOG_COLOUR")
"""Variables with the prefix that are not settings."""


def load(**arguments: Any) -> Settings:
    """Read settings; arguments that are None don't count. Raises ConfigError naming the key, where it is set, and what to do."""
    _no_unknown_variable()
    try:
        loaded = Settings(**{key: value for key, value in arguments.items() if value is not None})
    except ValidationError as error:
        raise _in_our_words(error, arguments) from None
    except ConfigError as error:
        raise _with_line(error) from None
    except SettingsError as error:
        raise ConfigError(str(error).splitlines()[0], field="WINCE_*", remedy="lists are written as JSON in the environment") from None
    _no_control(loaded.model_dump(), (), arguments)
    return loaded


def _no_control(value: object, path: KeyPath, arguments: dict[str, Any]) -> None:
    """No text of any setting holds a control character, wherever it was set; names of files may."""
    if isinstance(value, dict):
        for key, one in value.items():
            _no_control(one, (*path, key), arguments)
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            _no_control(one, (*path, index), arguments)
    elif isinstance(value, str) and has_control(value):
        where = "" if arguments.get(str(path[0])) is not None else _place(path)
        raise ConfigError(WORDS, field=".".join(map(str, path)) + where, remedy=REMEDY)


def _no_unknown_variable() -> None:
    known = {f"WINCE_{name.upper()}" for name in Settings.model_fields} | {f"WINCE_{name.upper()}_FILE" for name in SECRETS}
    for name in os.environ:
        if name.startswith("WINCE_") and name.split("__", 1)[0] not in known and name not in OUTSIDE:
            near = meant(name, known | {setting.variable for setting in by_path().values()} | set(OUTSIDE))
            remedy = near or "remove it; `wince config reference` lists every setting"
            raise ConfigError("unknown setting", field=name, remedy=remedy)


def _in_our_words(error: ValidationError, arguments: dict[str, Any]) -> ConfigError:
    """The first fault, and how many more there are."""
    first, *others = error.errors(include_url=False, include_input=False)
    path: KeyPath = first["loc"]
    message, remedy = first["msg"].removeprefix("Value error, "), "correct or remove it; `wince config reference` lists every setting"
    if first["type"] == "extra_forbidden":
        message, remedy = "unknown key", meant(str(path[-1]), known_keys(Settings, path)) or remedy
    more = f" (and {len(others)} more)" if others else ""
    key = ".".join(str(part) for part in path)
    where = "" if path and arguments.get(str(path[0])) is not None else _place(path)
    return ConfigError(message + more, field=key + where, remedy=remedy)


def _with_line(error: ConfigError) -> ConfigError:
    """A camera's own fault names it by its id: find the place where that camera is set."""
    parts = error.field.partition("=")[0].split(".")
    if parts[0] != "cameras" or len(parts) < 3:
        return error
    origins = Origins()
    if not origins.file or "WINCE_CAMERAS" in origins.variables:
        return error
    ids = [camera.get("id") for camera in tomllib.loads(plain_file.read(origins.file).decode("utf-8")).get("cameras", ())]
    name = ".".join(parts[1:-1])
    where = _place(("cameras", ids.index(name), parts[-1])) if name in ids else ""
    return ConfigError(error.message, field=error.field + where, remedy=error.remedy)


def _place(path: KeyPath) -> str:
    origin = Origins().of(path) if path else "default"
    return "" if origin == "default" else f" ({origin})"
