"""What the worker makes of requests: a status for whatever it gets, never an exception."""

import base64
import hashlib
import json

import pytest

from tests.support.classifiers import write
from wince.errors import ModelFileError
from wince.models.ensemble import MAX_CROPS, Status
from wince.serving.handler import DESCRIPTION, Packed, digest_of, words
from wince.serving.manifest import golden_crops


@pytest.fixture
def folder(tmp_path):
    file = write(tmp_path / "m.onnx", 2, 1)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    description = {"name": "infant", "version": "3", "classes": ["no pain", "pain"], "fusion": "mean", "weights": []}
    (tmp_path / DESCRIPTION).write_text(json.dumps(description | {"members": {"m": {"file": "m.onnx", "sha256": digest}}}))
    return tmp_path


def outputs(said):
    return {output["name"]: output for output in said["outputs"]}


def body(crops, **more):
    data = [base64.b64encode(crop).decode() for crop in crops]
    return {"id": "x", "inputs": [{"name": "faces", "datatype": "BYTES", "shape": [len(data)], "data": data, **more}]}


def test_an_answer_names_version_and_hashes(folder):
    packed = Packed(folder)
    said = packed.reply(body(golden_crops()))
    found = outputs(said)
    assert set(found) == {"status", "probabilities/m", "fused", "sha256/m", "model_set"}
    assert found["probabilities/m"]["shape"] == [2, 2]
    assert digest_of(found["sha256/m"]["data"]) == packed.ensemble.hashes["m"]
    assert digest_of(found["model_set"]["data"]) == packed.ensemble.model_set
    assert said["model_version"] == "3"
    assert json.dumps(said)  # no NaN, no numpy


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (None, Status.MALFORMED),
        ("{", Status.MALFORMED),
        (b"\xff\xfe", Status.MALFORMED),
        ([], Status.MALFORMED),
        ({"inputs": 3}, Status.MALFORMED),
        ({"inputs": [{"name": "other", "datatype": "BYTES", "data": []}]}, Status.MALFORMED),
        (body([b"x"], datatype="FP32"), Status.MALFORMED),
        (body([b"x"], data=["abcde"]), Status.MALFORMED),
        (body([b"x"], data=[5]), Status.MALFORMED),
        (body([b"x"] * (MAX_CROPS + 1)), Status.TOO_MANY),
        (body([b"x" * 3_000_000]), Status.TOO_LARGE),
    ],
)
def test_a_bad_request_has_a_status(folder, request_, status):
    found = outputs(Packed(folder).reply(request_))
    assert found["status"]["data"] == [status]
    assert not any(found["fused"]["data"])


def test_a_changed_member_does_not_start(folder):
    write(folder / "m.onnx", 2, 2)
    with pytest.raises(ModelFileError, match="not the file that was packed"):
        Packed(folder)


def test_words_and_digest():
    digest = "00112233445566778899aabbccddeeff" * 2
    assert digest_of(words(digest)) == digest
    assert digest_of([1, 2]) == ""
