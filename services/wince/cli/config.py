"""`wince config`: what is set and where, whether it holds together, and every setting that there is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import BaseModel, SecretStr
from rich.table import Table

from wince.cli.common import Json, out, settings, to_json
from wince.errors import ConfigError
from wince.pipeline.capture.address import Login
from wince.serve import check_settings, protocols
from wince.settings import Settings, documents
from wince.settings.catalogue import by_path, catalogue
from wince.settings.docstrings import docstrings
from wince.settings.origin import Origins

if TYPE_CHECKING:
    from wince.serve.checks.finding import Finding

app = typer.Typer(no_args_is_help=True, help="Settings: WINCE_* variables, WINCE_*_FILE secrets, the TOML file in WINCE_CONFIG.")
Offline = Annotated[bool, typer.Option("--offline", help="Read files only; nothing is connected to.")]
_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")
"""User name and password in an address."""


@app.command("check")
def check(json_: Json = False, offline: Offline = False) -> None:
    """Read settings, camera list and protocol; stop at the first thing that is wrong, with its remedy. Then try what is set: keys,
    database, Kafka, EHR, cameras. Nothing is created or changed. Exit code 1 where one of them is missing.
    """
    loaded = settings()
    chosen = protocols.protocol_set(loaded)
    rules = chosen.default
    for camera in loaded.cameras:
        if camera.path is not None and not camera.path.exists():
            raise ConfigError("no such file", field=f"cameras.{camera.id}.path={camera.path}", remedy="name a video file that is there")
        Login(camera.login_file, camera.login_env).read(f"cameras.{camera.id}")
    for name in ("audit_key_file", "ehr_key_file"):
        path = getattr(loaded, name)
        if path is not None and not path.is_file():
            raise ConfigError("no such file", field=f"{name}={path}", remedy="name a PEM file, or leave it out to have a key made")
    check_settings.check(loaded)
    findings = _said(loaded) if offline else _tried(loaded)
    if json_:
        sound = {"ok": True, "protocol": rules.name, "rule": rules.rule, "protocols": list(chosen.every), "cameras": len(loaded.cameras)}
        good = all(finding.state != "missing" for finding in findings)
        print(to_json(sound | {"ok": good, "findings": findings}))
        raise typer.Exit(0 if good else 1)
    names = ("protocols " if len(chosen.every) > 1 else "protocol ") + ", ".join(chosen.every)
    count = len(loaded.cameras)
    cameras = "1 camera" if count == 1 else f"{count or 'the bundled'} cameras"
    out.print(f"configuration is sound: site {loaded.site}, {names}, {cameras}")
    if findings:
        from wince.cli.doctor import show as show_findings

        show_findings(findings, json_=False)


def _said(loaded: Settings) -> list[Finding]:
    from wince.serve.checks import hospital, insecure

    return [*hospital.check(loaded), *insecure.check(loaded)]


def _tried(loaded: Settings) -> list[Finding]:
    from wince.serve.checks.everything import CONFIGURED, run  # what it tries takes a second to import

    return run(loaded, CONFIGURED)


@app.command("show")
def show(json_: Json = False) -> None:
    """Every setting: its value, where it comes from (variable, file and line, default), what it means. Secrets are not shown."""
    loaded = settings()
    rows = _rows(loaded, Origins())
    if json_:
        print(to_json(rows))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("setting", "value", "from", "meaning"):
        table.add_column(column, overflow="fold")
    for name, row in rows.items():
        value = row["value"]
        shown = "-" if value in (None, "", []) else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        table.add_row(name, shown, row["from"], row["meaning"])
    out.print(table)


@app.command("reference")
def reference(json_: Json = False) -> None:
    """Every setting that there is, with type, range, default and meaning, as Markdown or as data."""
    print(to_json(catalogue()) if json_ else documents.reference(), end="")


@app.command("example")
def example() -> None:
    """A TOML file with every key commented out: its meaning, its type, its default."""
    print(documents.example(), end="")


def _rows(loaded: Settings, origins: Origins) -> dict[str, dict[str, Any]]:
    """Value, source and meaning by a setting's path, such as "rpc.port", and "cameras.0" for an entry of a list."""
    known, meanings, rows = by_path(), docstrings(Settings), {}
    for name in dict.fromkeys(path.partition(".")[0] for path in known):
        value = getattr(loaded, name)
        meaning = " ".join(meanings.get(name, "").split())
        if isinstance(value, BaseModel):
            for key in type(value).model_fields:
                path = (name, key)
                rows[f"{name}.{key}"] = _row(getattr(value, key), origins.of(path), known[f"{name}.{key}"].meaning)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for index, entry in enumerate(value):
                rows[f"{name}.{index}"] = _row(entry, origins.of((name, index)), meaning)
        else:
            rows[name] = _row(value, origins.of((name,)), meaning)
    return rows


def _row(value: Any, origin: str, meaning: str) -> dict[str, Any]:
    return {"value": _shown(value), "from": origin, "meaning": meaning}


def _shown(value: Any) -> Any:
    """A value as JSON; a secret only as the word that it is set, an address without its login."""
    if isinstance(value, SecretStr):
        return "(set, not shown)"
    if isinstance(value, BaseModel):
        return {key: _shown(inner) for key, inner in value if inner not in (None, "", False)}
    if isinstance(value, (tuple, list)):
        return [_shown(inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _LOGIN.sub("(not shown)@", str(value))
