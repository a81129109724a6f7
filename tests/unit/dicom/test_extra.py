"""The extra `imaging`: absent it is named, with its remedy, and nothing else needs it."""

import importlib.util
import subprocess
import sys

import pytest

from wince.dicom import extra
from wince.errors import ConfigError
from wince.serve import imaging
from wince.settings import Settings


def test_an_absent_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pydicom" else there(name))
    with pytest.raises(ConfigError, match="pydicom") as raised:
        imaging.check(Settings(dicom_port=0, time_zone="UTC"))
    assert "make imaging" in raised.value.remedy
    with pytest.raises(ConfigError):
        extra.require()


def test_the_rest_of_wince_runs_without_it() -> None:
    """Nothing that other commands and services import needs the packages."""
    blocked = "import sys\nfor name in ('pydicom', 'pynetdicom', 'highdicom', 'gdcm', 'starlette', 'uvicorn'): sys.modules[name] = None\n"
    wanted = (
        "wince.cli.dicom", "wince.cli.main", "wince.serve.imaging", "wince.serve.up", "wince.serve.record",
        "wince.pipeline.record.bindings",
        "wince.serve.status.collect", "wince.serve.checks.everything", "wince.dicom.scp.server",
    )  # fmt: skip
    code = blocked + "".join(f"import {name}\n" for name in wanted)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({}, "dicom_port"),
        ({"dicom_port": 0, "dicom_host": "0.0.0.0"}, "dicom_cert_file"),
        ({"stow_port": 0, "stow_host": "0.0.0.0"}, "dicom_cert_file"),
        ({"dicom_port": 0, "dicom_cert_file": "/c"}, "dicom_cert_file"),
        ({"dicom_port": 0, "dicom_client_ca_file": "/c"}, "dicom_client_ca_file"),
        ({"dicom_port": 0, "dicom_peers": ("A@",)}, "dicom_peers=A@"),
        (
            {"dicom_port": 0, "dicom_host": "0.0.0.0", "dicom_cert_file": "/c", "dicom_key_file": "/k", "dicom_client_ca_file": "/a"},
            "dicom_peers",
        ),
        ({"stow_port": 0, "stow_host": "0.0.0.0", "dicom_cert_file": "/c", "dicom_key_file": "/k"}, "stow_token_file"),
    ],
)
def test_what_would_be_open_to_the_network_does_not_start(more: dict[str, object], field: str) -> None:
    with pytest.raises(ConfigError) as raised:
        imaging.check(Settings(time_zone="UTC", **more))  # type: ignore[arg-type]
    assert raised.value.field == field
