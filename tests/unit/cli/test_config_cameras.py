"""`wince config check` reads the camera list as capture will."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from wince.cli.main import build
from wince.errors import ConfigError


def checked(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> BaseException | None:
    file = folder / "wince.toml"
    file.write_text(text)
    monkeypatch.setenv("WINCE_CONFIG", str(file))
    return CliRunner().invoke(build(["config"]), ["config", "check", "--offline"]).exception


def test_a_list_of_every_kind_is_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login, clip = tmp_path / "login", tmp_path / "clip.mp4"
    login.write_text("nurse:secret")
    clip.touch()
    monkeypatch.setenv("CAMERA_B", "nurse:secret")
    text = f"""
[[cameras]]
id = "a"
bed = "ICU^1^A"
url = "rtsp://cam.example/2"
login_file = "{login}"
transport = "udp"
since = 2026-11-21T14:00:00Z
[[cameras]]
id = "b"
bed = "ICU^2^A"
url = "rtsps://cam.example/2"
login_env = "CAMERA_B"
[[cameras]]
id = "c"
bed = "ICU^3^A"
push = true
[[cameras]]
id = "d"
bed = "ICU^4^A"
path = "{clip}"
"""
    assert checked(text, tmp_path, monkeypatch) is None


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ('url = "rtsp://nurse:secret@cam.example/2"', "cameras.a.url"),
        ('url = "rtsp://cam.example/2"\nlogin_file = "absent"', "cameras.a.login_file"),
        ('url = "rtsp://cam.example/2"\nlogin_env = "CAMERA_ABSENT"', "cameras.a.login_env"),
        ('url = "rtsp://cam.example/2"\ncolour = "red"', "cameras.0.colour"),
        ('url = "rtsp://cam.example/2"\ntransport = "quic"', "cameras.0.transport"),
        ('url = "rtsp://cam.example/2"\npush = true', "cameras.0"),
        ('path = "absent.mp4"', "cameras.a.path"),
    ],
)
def test_what_is_wrong_is_named_and_no_login_told(line: str, field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = checked(f'[[cameras]]\nid = "a"\nbed = "ICU^1^A"\n{line}\n', tmp_path, monkeypatch)
    assert isinstance(found, ConfigError)
    assert found.field.startswith(field)
    assert found.remedy
    assert "secret" not in found.diagnostics()
