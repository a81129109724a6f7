"""Addresses that may be shown, logins that may not."""

from pathlib import Path

import pytest

from wince.errors import ConfigError
from wince.pipeline.capture.address import Login, check, with_login

GOOD = (
    "rtsp://camera-7.example/stream2",
    "rtsps://10.0.0.9:322/Streaming/Channels/102?x=1",
    "udp://239.1.2.3:5004",
    "http://[fd00::7]:80/a.ts",
)
BAD = (
    "camera",
    "file:///etc/passwd",
    "rtsp://",
    "rtsp:///x",
    "ftp://a/b",
    "rtsp://a b/c",
    "rtsp://a:99999/x",
    "rtsp://a/\nb",
    "concat:rtsp://a",
)


@pytest.mark.parametrize("uri", GOOD)
def test_an_address_that_can_be_read(uri: str) -> None:
    assert check(uri) == uri


@pytest.mark.parametrize("uri", BAD)
def test_an_address_that_can_not(uri: str) -> None:
    with pytest.raises(ConfigError) as found:
        check(uri, "cameras.a.url")
    assert found.value.field == "cameras.a.url"
    assert found.value.remedy


@pytest.mark.parametrize("uri", ["rtsp://nurse:hunter2@cam/x", "rtsp://hunter2@cam/x", "http://:hunter2@cam/x"])
def test_a_login_in_an_address_is_refused_without_being_told(uri: str) -> None:
    with pytest.raises(ConfigError) as found:
        check(uri)
    assert "hunter2" not in found.value.diagnostics()
    assert "login_file" in found.value.remedy


def test_a_login_comes_from_a_file_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "login"
    file.write_text("nurse:p:w/@\n")
    assert Login(file).read("cameras.a") == ("nurse", "p:w/@")
    monkeypatch.setenv("CAM_A", "nurse:")
    assert Login(variable="CAM_A").read("cameras.a") == ("nurse", "")
    assert Login().read("cameras.a") is None
    assert with_login("rtsp://cam/x", ("a b", "p:w/@")) == "rtsp://a%20b:p%3Aw%2F%40@cam/x"
    assert with_login("rtsp://cam/x", None) == "rtsp://cam/x"


@pytest.mark.parametrize("content", [b"", b"hunter2", b":hunter2", b"\xff\xfe", b"a:hunter2\nb:hunter2", b"a:" + b"hunter2" * 999])
def test_a_login_that_is_none_is_named_by_its_file_only(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "login"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as found:
        Login(file).read("cameras.a")
    assert str(file) in found.value.field
    assert "hunter2" not in found.value.diagnostics()
    with pytest.raises(ConfigError):
        Login(tmp_path / "absent").read("cameras.a")
