"""values.schema.json: what is written by hand in schema.yaml, the settings as the code has them, descriptions from the comments of
values.yaml. Draft 7, which helm 3 and helm 4 both check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from charts.tool import comments, facts
from wince.settings.catalogue import Section, catalogue
from wince.settings.whole import Settings

SOURCE, FILE, VALUES = Path("schema.yaml"), Path("values.schema.json"), Path("values.yaml")
_DRAFT = "http://json-schema.org/draft-07/schema#"
_TAKEN = {"description", "default", "examples", "enum", "const", "type", "items", "minimum", "maximum", "exclusiveMinimum", "pattern"}
_TAKEN |= {"exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems", "additionalProperties", "required", "properties"}


def schema(chart: Path) -> dict[str, Any]:
    """The whole schema."""
    source = yaml.safe_load((chart / SOURCE).read_text())
    made = {name: _closed(one) for name, one in source["definitions"].items()}
    made["settings"], made["files"] = settings(), files()
    whole = {"$schema": _DRAFT, "title": source["title"], **_closed({"properties": source["properties"]}, made)}
    _describe(whole, comments.said((chart / VALUES).read_text()))
    return {**whole, "definitions": made}


def settings() -> dict[str, Any]:
    """What may stand in `settings:`. Keys that the chart refuses are there without a type: its own message names the remedy."""
    described = Settings.model_json_schema()
    properties: dict[str, Any] = {}
    for section in catalogue():
        here = properties
        if section.table:
            here = properties[section.table] = _table(section)
            here = (here["items"] if section.repeated else here)["properties"]
        models, top = described["$defs"], described["properties"]
        model = _model(top[section.table], models)["properties"] if section.table else top
        for one in section.settings:
            here[one.key] = {"description": one.meaning, **_type(one.path, model[one.key], models)}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def files() -> dict[str, Any]:
    """What may stand in `files:`: a setting that names a file, and where that comes from."""
    known = facts.known()
    properties = {one.path: {"description": known[one.path].meaning, "allOf": [{"$ref": "#/definitions/file"}]} for one in facts.files()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _table(section: Section) -> dict[str, Any]:
    entry = {"type": "object", "properties": {}, "additionalProperties": False}
    required = [one.key for one in section.settings if one.required]
    if required:
        entry["required"] = required
    return {"description": section.meaning, **({"type": "array", "items": entry} if section.repeated else entry)}


def _model(described: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    ref = described.get("$ref") or described["items"]["$ref"]
    found: dict[str, Any] = models[ref.rpartition("/")[2]]
    return found


def _type(path: str, described: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    if path in facts.REFUSED or path in {one.path for one in facts.files()}:
        return {}
    return _plain(described, models)


def _plain(described: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    """A type of the code's schema in draft 7, without what only forms use."""
    choices = [one for one in described.get("anyOf", ()) if one.get("type") != "null"]
    if choices:
        described = {**{key: value for key, value in described.items() if key != "anyOf"}, **choices[0]}
    if "$ref" in described:
        described = models[described["$ref"].rpartition("/")[2]]
    if "prefixItems" in described:
        return {"type": "array", "items": [_plain(one, models) for one in described["prefixItems"]], "additionalItems": False}
    made = {key: value for key, value in described.items() if key in _TAKEN - {"description", "default", "examples"}}
    for key in ("items", "additionalProperties"):
        if isinstance(made.get(key), dict):
            made[key] = _plain(made[key], models)
    if "properties" in made:
        made["properties"] = {key: _plain(value, models) for key, value in made["properties"].items()}
    return made


def _closed(one: dict[str, Any], known: dict[str, Any] | None = None) -> dict[str, Any]:
    """An entry of schema.yaml as JSON schema: `$ref` by name, objects closed, `with` further definitions of a component."""
    if one.get("open"):
        return {"type": "object"}
    if "with" in one:
        return _with(one, known or {})
    if "$ref" in one:
        return {"$ref": f"#/definitions/{one['$ref']}"}
    made = dict(one)
    if "properties" in made:
        properties = {key: _closed(value, known) for key, value in made["properties"].items()}
        made = {"type": "object", **made, "properties": properties, "additionalProperties": False}
    if isinstance(made.get("items"), dict):
        made["items"] = _closed(made["items"], known)
    return made


def _with(one: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    base = known[one["$ref"]]
    further = {name: {"$ref": f"#/definitions/{name}"} for name in one["with"]}
    return {**base, "properties": {**base["properties"], **further}}


def _describe(whole: dict[str, Any], said: list[comments.Value]) -> None:
    for value in said:
        here: Any = whole
        for part in value.path.split("."):
            here = here.get("properties", {}).get(part) if isinstance(here, dict) else None
        if not isinstance(here, dict):
            continue
        ref = here.pop("$ref", None)
        here["description"] = value.meaning
        if ref is not None:  # in draft 7 nothing counts beside $ref
            here["allOf"] = [{"$ref": ref}]
