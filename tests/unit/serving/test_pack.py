"""The archive: the same bytes from the same members, its own code in it, and a version that never changes."""

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.classifiers import write
from tests.support.clip_models import write_clip
from wince.domain.clip import Clip
from wince.errors import ConfigError, ModelFileError, ResourceError
from wince.serving import manifest as manifests
from wince.serving.pack import pack

CLASSES = ("relaxed", "tense", "grimace")
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def files(tmp_path):
    return {name: write(tmp_path / f"{name}.onnx", 3, seed) for seed, name in enumerate(("icu-a", "icu-b"))}


def test_the_same_members_give_the_same_bytes(files, tmp_path):
    """Twice to one place is no error; elsewhere it is the same archive; the manifest comes back as it was written."""
    archive, manifest = pack("icu", "1.0", files, CLASSES, tmp_path / "a")
    again, other = pack("icu", "1.0", files, CLASSES, tmp_path / "a")
    elsewhere, third = pack("icu", "1.0", dict(reversed(files.items())), CLASSES, tmp_path / "b")
    assert archive == again
    assert archive.name == "icu-1.0.mar"
    assert manifest.archive == other.archive
    assert third.model_set == manifest.model_set
    assert elsewhere.name == archive.name
    assert manifests.read(archive.with_suffix(".json")) == manifest
    assert [path.name for path in sorted((tmp_path / "a").iterdir())] == ["icu-1.0.json", "icu-1.0.mar"]


def test_a_version_never_changes(files, tmp_path):
    archive, _ = pack("icu", "1.0", files, CLASSES, tmp_path / "a")
    before = archive.read_bytes()
    write(files["icu-a"], 3, 99)
    with pytest.raises(ResourceError, match="another model set") as caught:
        pack("icu", "1.0", files, CLASSES, tmp_path / "a")
    assert "new version" in caught.value.remedy
    assert archive.read_bytes() == before
    second, _ = pack("icu", "2.0", files, CLASSES, tmp_path / "a")
    assert second.exists()


def test_the_archive_runs_its_own_code(files, tmp_path):
    """Unpacked and put first on the path, as TorchServe does, it answers with the manifest's golden numbers, and every module of
    wince that it loads lies in it."""
    archive, manifest = pack("icu", "1.0", files, CLASSES, tmp_path / "a")
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(folder)
        assert json.loads(zipped.read("MAR-INF/MANIFEST.json"))["model"]["modelVersion"] == "1.0"
    script = """
import base64, json, sys, types
sys.path.insert(0, sys.argv[1])
import wince_handler
context = types.SimpleNamespace(system_properties={"model_dir": sys.argv[1]})
assert wince_handler.handle(None, context) is None
crops = json.load(open(sys.argv[2]))["golden"]
(said,) = wince_handler.handle([{"body": {"id": "7", "inputs": [{"name": "faces", "datatype": "BYTES", "data": crops}]}}], context)
outside = [m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "wince" and not m.__file__.startswith(sys.argv[1])]
assert not outside, outside
print(json.dumps(said))
"""
    command = [sys.executable, "-c", script, str(folder), str(archive.with_suffix(".json"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    outputs = {output["name"]: output["data"] for output in said["outputs"]}
    assert (said["id"], said["model_version"], outputs["status"]) == ("7", "1.0", [0, 0])
    for name, rows in manifest.expected.items():
        assert outputs[f"probabilities/{name}"] == pytest.approx([value for row in rows for value in row], abs=1e-6)


def test_a_manifest_says_which_clips(files, tmp_path):
    """Length and rate come back; the golden inference is a clip, forwards and backwards; another rate is another archive."""
    seen = {**files, "icu-c": write_clip(tmp_path / "icu-c.onnx", 3, 1, frames=4, rate_hz=5)}
    clip = Clip(("icu-c",), 4, 5.0)
    archive, manifest = pack("icu", "1.0", seen, CLASSES, tmp_path / "a", clip=clip)
    back = manifests.read(archive.with_suffix(".json"))
    assert back == manifest
    assert back.clip == clip
    assert len(back.golden) == 4
    forwards, backwards = back.expected["icu-c"]
    assert max(abs(a - b) for a, b in zip(forwards, backwards, strict=True)) > 1e-3  # a server that mixed up the order would show
    write_clip(seen["icu-c"], 3, 1, frames=4, rate_hz=2.5)
    with pytest.raises(ModelFileError, match=r"at 2\.5/s, the protocol has 4 at 5/s"):
        pack("icu", "2.0", seen, CLASSES, tmp_path / "a", clip=clip)
    with pytest.raises(ModelFileError):
        pack("icu", "2.0", seen, CLASSES, tmp_path / "a")
    text = archive.with_suffix(".json").read_text()
    for broken in (text.replace('"frames": 4', '"frames": "x"'), text.replace('"clip": {', '"clip": {"members": 3}, "c": {')):
        archive.with_suffix(".json").write_text(broken)
        with pytest.raises(ModelFileError):
            manifests.read(archive.with_suffix(".json"))


def test_names_versions_members_and_folders_that_can_t_be(files, tmp_path):
    for name, version in (("ICU", "1.0"), ("icu", "new"), ("../x", "1.0")):
        with pytest.raises(ConfigError):
            pack(name, version, files, CLASSES, tmp_path / "a")
    with pytest.raises(ModelFileError, match="instead of"):
        pack("icu", "1.0", files, ("pain", "no pain"), tmp_path / "a")
    with pytest.raises(ResourceError):
        pack("icu", "1.0", files, CLASSES, files["icu-a"])


def test_what_is_no_manifest_is_said(files, tmp_path):
    archive, manifest = pack("icu", "1.0", files, CLASSES, tmp_path / "a")
    file = archive.with_suffix(".json")
    text = file.read_text()
    for broken in ("", "[]", text[: len(text) // 2], "{}", text.replace('"golden": [', '"golden": [7,')):
        file.write_text(broken)
        with pytest.raises(ModelFileError) as caught:
            manifests.read(file)
        assert "wince lab pack" in caught.value.remedy
    replace(manifest, expected={}).write(file)
    with pytest.raises(ModelFileError, match="golden"):
        manifests.read(file)
    with pytest.raises(ModelFileError):
        manifests.read(tmp_path / "absent.json")


def test_the_extra_and_the_lock_name_one_torchserve():
    """pyproject's extra `serving` and requirements/serving.in agree, and no torch comes with either."""
    listed = (ROOT / "requirements/serving.in").read_text()
    project = (ROOT / "pyproject.toml").read_text()
    for pin in ("torchserve==0.12.0", "pyyaml==6.0.3"):
        assert pin in listed
        assert pin in project
    locked = (ROOT / "requirements/serving.txt").read_text()
    assert not [line for line in locked.splitlines() if line.startswith(("torch==", "nvidia"))]
