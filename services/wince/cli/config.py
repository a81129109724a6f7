"""`wince config`: what is set, and whether it holds together."""

from __future__ import annotations

import typer
from rich.table import Table

from wince.cli.common import Json, out, settings, to_json
from wince.errors import ConfigError
from wince.pipeline.capture.address import Login
from wince.serve import check_settings, protocols
from wince.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Settings: WINCE_* variables, WINCE_*_FILE secrets, the TOML file in WINCE_CONFIG.")


@app.command("check")
def check(json_: Json = False) -> None:
    """Read settings, camera list and protocol; stop at the first thing that is wrong, with its remedy."""
    loaded = settings()
    rules = protocols.default(loaded)
    for camera in loaded.cameras:
        if camera.path is not None and not camera.path.exists():
            raise ConfigError("no such file", field=f"cameras.{camera.id}.path={camera.path}", remedy="name a video file that is there")
        Login(camera.login_file, camera.login_env).read(f"cameras.{camera.id}")
    for name in ("audit_key_file", "ehr_key_file"):
        path = getattr(loaded, name)
        if path is not None and not path.is_file():
            raise ConfigError("no such file", field=f"{name}={path}", remedy="name a PEM file, or leave it out to have a key made")
    check_settings.check(loaded)
    if json_:
        print(to_json({"ok": True, "protocol": rules.name, "rule": rules.rule, "cameras": len(loaded.cameras)}))
        return
    out.print(f"configuration is sound: site {loaded.site}, protocol {rules.name}, {len(loaded.cameras) or 'the bundled'} cameras")


@app.command("show")
def show(json_: Json = False) -> None:
    """Every setting with its value; secrets are not shown."""
    loaded = settings()
    if json_:
        print(to_json(loaded.model_dump(mode="json")))
        return
    values = {name: getattr(loaded, name) for name in Settings.model_fields}
    table = Table(box=None, pad_edge=False)
    for column in ("variable", "value"):
        table.add_column(column, overflow="fold")
    for name, value in values.items():
        table.add_row(f"WINCE_{name.upper()}", "-" if value in (None, ()) else str(value))
    out.print(table)
