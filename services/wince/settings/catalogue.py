"""Every setting as data: name, variable, type, range, default, meaning, section, secret.

Made from the fields and their docstrings by way of the JSON schema. The reference, the example file and `wince config show` are
rendered from it; a chart's values and their schema can be, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from wince.settings.docstrings import docstrings
from wince.settings.origin import model_in
from wince.settings.part import Part
from wince.settings.sources import SECRETS
from wince.settings.whole import Settings

UNITS = {"_s": "seconds", "_h": "hours", "_hz": "per second", "_bytes": "bytes"}
"""What a name's end says of its unit."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    key: str
    """Name in its table of the TOML file, such as "port"."""
    path: str
    """Name in the whole, such as "rpc.port"; of a list's entry "cameras.url"."""
    variable: str
    """Environment variable; empty for keys of a list's entries, which are set together, as JSON."""
    file_variable: str
    """Variable that names a file which holds the value; empty where there is none."""
    kind: str
    """Type, range and unit in words, such as "whole number, 0 to 65535"."""
    default: Any
    """JSON value; None: not set."""
    required: bool
    """Has no default."""
    meaning: str
    """What it does, in one to four sentences."""
    secret: bool
    """Is never shown."""
    example: Any
    """A value that could be meant, for settings that are not set by default; else the default."""


@dataclass(frozen=True, slots=True)
class Section:
    """Settings that belong together."""

    title: str
    meaning: str
    table: str
    """Its table in the TOML file, such as "rpc"; empty: the top level."""
    repeated: bool
    """A list of tables, such as `[[cameras]]`."""
    settings: tuple[Setting, ...]
    examples: tuple[dict[str, Any], ...] = ()
    """Of a list: entries as they could be."""


def catalogue() -> tuple[Section, ...]:
    """All settings: those of the top level first, then tables, then lists of tables, as TOML wants it."""
    schema = Settings.model_json_schema()
    properties, models = schema["properties"], schema["$defs"]
    _describe(properties, Settings)
    for field in Settings.model_fields.values():
        if (inner := model_in(field.annotation)) is not None:
            _describe(models[inner.__name__]["properties"], inner)
    flat, tables, lists = [], [], []
    for part in (base for base in Settings.__bases__ if issubclass(base, Part)):
        title, _, meaning = (part.__doc__ or "").strip().partition("\n")
        own = []
        for name in part.model_fields:
            described = properties[name]
            if "$ref" in described:
                model = models[described["$ref"].rpartition("/")[2]]
                tables.append(_section(name, described["description"], model, repeated=False))
            elif "$ref" in described.get("items", {}):
                model = models[described["items"]["$ref"].rpartition("/")[2]]
                lists.append(_section(name, described["description"], model, repeated=True))
            else:
                own.append(_setting(name, "", described, required=name in schema.get("required", ())))
        flat.append(Section(title, _joined(meaning), "", False, tuple(own)))
    return tuple(section for section in (*flat, *tables, *lists) if section.settings)


def by_path() -> dict[str, Setting]:
    """Every setting by its path."""
    return {setting.path: setting for section in catalogue() for setting in section.settings}


def variable(name: str, table: str = "") -> str:
    """The environment variable of a setting.

    >>> variable("port", "rpc")
    'WINCE_RPC__PORT'
    """
    return "WINCE_" + (f"{table}__{name}" if table else name).upper()


def _section(table: str, meaning: str, model: dict[str, Any], *, repeated: bool) -> Section:
    required = model.get("required", ())
    settings = tuple(
        _setting(name, table, described, required=name in required, listed=repeated) for name, described in model["properties"].items()
    )
    title = f"[[{table}]]" if repeated else f"[{table}]"
    return Section(title, _joined(meaning), table, repeated, settings, _in_order(model))


def _describe(properties: dict[str, dict[str, Any]], model: type[BaseModel]) -> None:
    for name, text in docstrings(model).items():
        properties[name]["description"] = text


def _in_order(model: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Example entries with their keys in the order of the fields."""
    return tuple({key: entry[key] for key in model["properties"] if key in entry} for entry in model.get("examples", ()))


def _setting(name: str, table: str, described: dict[str, Any], *, required: bool, listed: bool = False) -> Setting:
    default = described.get("default")
    shape = next((choice for choice in described.get("anyOf", ()) if choice.get("type") != "null"), described)
    example = described["examples"][0] if "examples" in described else default
    if example in (None, "", []):
        example = [f"/etc/wince/{name}"] if shape.get("type") == "array" else f"/etc/wince/{name}"
    return Setting(
        name,
        f"{table}.{name}" if table else name,
        "" if listed else variable(name, table),
        f"{variable(name)}_FILE" if name in SECRETS and not table else "",
        _kind(shape) + _unit(name),
        default,
        required,
        _joined(described.get("description", "")),
        shape.get("format") == "password",
        example,
    )


def _kind(shape: dict[str, Any]) -> str:
    if "enum" in shape:
        return "one of " + ", ".join(map(str, shape["enum"]))
    if shape.get("type") == "array":
        parts = shape.get("prefixItems")
        return f"list of {len(parts)} numbers" if parts else f"list: {_kind(shape.get('items', {}))}"
    words = {"integer": "whole number", "number": "number", "boolean": "true or false"}
    formats = {"path": "path", "password": "secret text", "date-time": "date and time"}
    return words.get(shape.get("type", ""), formats.get(shape.get("format", ""), "text")) + _range(shape)


def _range(shape: dict[str, Any]) -> str:
    least, above = shape.get("minimum"), shape.get("exclusiveMinimum")
    most = shape.get("maximum")
    if least is not None and most is not None:
        return f", {least:g} to {most:g}" if most < 10**6 else f", {least} to {most}"
    low = f"at least {least:g}" if least is not None else f"above {above:g}" if above is not None else ""
    high = f"at most {most:g}" if most is not None else ""
    words = ", ".join(word for word in (low, high) if word)
    return f", {words}" if words else ""


def _unit(name: str) -> str:
    return next((f", {unit}" for end, unit in UNITS.items() if name.endswith(end)), "")


def _joined(text: str) -> str:
    return " ".join(text.split())
