"""The protos beside those of the last release: a client that was built from them goes on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "protos" / "released.binpb"


def breaking(folder: Path) -> subprocess.CompletedProcess[str]:
    """What `make lint` asks of the protos below a folder."""
    command = [Path(sys.executable).with_name("buf"), "breaking", "--against", RELEASED]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the protos, to be spoilt."""
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    shutil.copytree(ROOT / "protos", tmp_path / "protos")
    return tmp_path


def test_no_client_of_the_last_release_is_broken():
    found = breaking(ROOT)
    assert (found.returncode, found.stdout) == (0, ""), found.stdout + found.stderr


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("capture/v1/capture.proto", "  uint64 dropped = 4;", "", 'field "4" with name "dropped"'),
        ("capture/v1/capture.proto", "uint64 dropped = 4;", "string dropped = 4;", "type"),
        ("capture/v1/capture.proto", "uint64 dropped = 4;", "uint64 dropped = 40;", 'field "4" with name "dropped"'),
        ("capture/v1/capture.proto", "uint64 dropped = 4;", "repeated uint64 dropped = 4;", "cardinality"),
        ("reason/v1/reason.proto", "  REASON_LATE = 4;", "", 'enum value "4"'),
        ("capture/v1/capture_service.proto", "rpc StopCamera(", "rpc EndCamera(", "StopCamera"),
    ],
)
def test_what_would_break_one_is_refused(copy, file, before, after, said):
    proto = copy / "protos" / "wince" / "api" / file
    text = proto.read_text()
    assert before in text
    proto.write_text(text.replace(before, after, 1))
    found = breaking(copy)
    assert found.returncode != 0
    assert said.lower() in found.stdout.lower(), found.stdout + found.stderr


def test_a_field_may_become_optional_since_its_bytes_stay(copy):
    proto = copy / "protos" / "wince" / "api" / "capture" / "v1" / "capture.proto"
    proto.write_text(proto.read_text().replace("uint64 dropped = 4;", "optional uint64 dropped = 4;"))
    assert breaking(copy).returncode == 0
