"""The models' server is asked for what was packed; one that is away, or without the model, is named."""

import json

import pytest

from tests.support.classifiers import write
from tests.support.oip import OipServer
from wince.errors import ModelFileError, Unavailable
from wince.models.ensemble import Ensemble
from wince.protocols.loader import load
from wince.serve.checks import served
from wince.serve.checks.finding import State
from wince.serving.config import ServingSettings
from wince.serving.pack import pack
from wince.settings import Settings


def test_what_was_packed_answers(tmp_path):
    classes = load("postoperative").estimate.classes
    files = {"postoperative-vgg16": write(tmp_path / "m.onnx", len(classes), 1)}
    archive, _ = pack("postoperative", "1.0", files, classes, tmp_path / "store")
    manifest = archive.with_suffix(".json")
    name = json.loads(manifest.read_text())["name"]

    def look(target: str):
        return list(served.check(Settings(serving=ServingSettings(target=target, manifest=manifest))))

    with OipServer(Ensemble(files, len(classes)), name, "1.0") as server:
        (found,) = look(server.target)
        assert found.state is State.OK
        assert "postoperative 1.0" in found.found
    with OipServer(None, name, "1.0") as server, pytest.raises(ModelFileError, match="does not have this version"):
        look(server.target)
    with pytest.raises(Unavailable):
        look("127.0.0.1:9")


def test_nothing_is_asked_where_models_run_in_the_process():
    assert list(served.check(Settings())) == []


def test_a_server_without_a_manifest():
    (found,) = served.check(Settings(serving=ServingSettings(target="127.0.0.1:9")))
    assert found.state is State.MISSING
    assert "wince lab pack" in found.remedy
