"""images/compose.yaml: what the schema says, and what a trial must keep to."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from images import contents
from tests.support import compose
from wince.local import golang

FOLDER = contents.ROOT / "images"
FILE = FOLDER / "compose.yaml"
WHOLE = compose.read(FILE, {})


@pytest.mark.peer
def test_the_file_is_as_the_schema_of_compose_says() -> None:
    if why := golang.available():
        pytest.skip(why)
    schema = json.loads((golang.made("compose") / "compose-spec.json").read_text())
    jsonschema.validate(WHOLE, schema)
    wrong = {**WHOLE, "services": {"care": {"image": "x", "restarts": "always"}}}
    with pytest.raises(jsonschema.ValidationError, match="restarts"):
        jsonschema.validate(wrong, schema)


def test_every_component_that_a_trial_needs_runs_from_its_image() -> None:
    found = {compose.component(one) for one in WHOLE["services"].values()} - {""}
    assert found == set(contents.components()) - {"imaging"}
    for name, service in compose.ours(WHOLE).items():
        wanted = ["migrate"] if name == "migrate" else ["serve", name]
        assert service["command"] == wanted
        assert compose.component(service) == ("record" if name == "migrate" else name)


def test_ports_are_this_machines_alone_and_images_are_pinned() -> None:
    for name, service in WHOLE["services"].items():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert re.search(r":v?\d+(\.\d+)*(-\d+)?$", service["image"]), service["image"]
        assert service["restart"] in ("unless-stopped", "on-failure")
        assert "stop_grace_period" in service
        assert "healthcheck" in service or name in ("hapi", "torchserve")


def test_services_of_ours_can_write_nowhere_and_may_nothing() -> None:
    for service in (one for one in WHOLE["services"].values() if compose.component(one)):
        assert service["user"] == "10001:10001"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_no_service_of_ours_starts_before_the_schema_is_there() -> None:
    services = compose.ours(WHOLE)
    for name, service in services.items():
        if name != "migrate":
            assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_files_that_it_mounts_are_there() -> None:
    """But clips, a site's models and secrets, which a reader makes."""
    made = ("./trial/clips", "./trial/store", "./trial/secrets")
    for service in WHOLE["services"].values():
        for line in service.get("volumes", ()):
            outside = line.split(":")[0]
            if outside.startswith(".") and not outside.startswith(made):
                assert (FOLDER / outside).exists(), outside


def test_prometheus_asks_every_service() -> None:
    scraped = yaml.safe_load((FOLDER / "trial/prometheus.yml").read_text())["scrape_configs"][0]["static_configs"][0]["targets"]
    assert sorted(scraped) == sorted(f"{name}:9400" for name in compose.ours(WHOLE) if name != "migrate")


def secrets(folder: Path) -> dict[str, bytes]:
    script = folder / "secrets.sh"
    script.write_bytes((FOLDER / "trial/secrets.sh").read_bytes())
    subprocess.run(["sh", str(script)], check=True, capture_output=True)
    return {file.name: file.read_bytes() for file in (folder / "secrets").iterdir()}


def test_secrets_are_random_readable_by_their_owner_alone_and_kept(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first, other = secrets(tmp_path / "one"), secrets(tmp_path / "two")
    named: dict[str, Any] = WHOLE["secrets"]
    assert set(first) == {Path(one["file"]).name for one in named.values()}
    assert all(first[name] != other[name] for name in first)
    assert first["postgres-password"] in first["dsn"]
    assert len(first["logs.key"]) == 32
    for file in (tmp_path / "one/secrets").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert os.geteuid() or file.name == "postgres-password" or file.stat().st_uid in (10001, 472)
    assert secrets(tmp_path / "one") == first
