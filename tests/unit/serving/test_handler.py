"""What the worker makes of requests: a status for whatever it gets, never an exception."""

import base64
import hashlib
import json

import pytest

from tests.support.classifiers import write
from tests.support.clip_models import write_clip
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


CLIPS = {"members": ["m"], "frames": 4, "rate_hz": 5.0}


@pytest.fixture
def seeing(tmp_path):
    """A packed ensemble whose one member sees clips of four crops."""
    file = write_clip(tmp_path / "m.onnx", 2, 1, frames=4, rate_hz=5)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    description = {"name": "icu", "version": "3", "classes": ["no pain", "pain"], "fusion": "mean", "weights": [], "clip": CLIPS}
    (tmp_path / DESCRIPTION).write_text(json.dumps(description | {"members": {"m": {"file": "m.onnx", "sha256": digest}}}))
    return Packed(tmp_path)


def clips_body(crops, rows, **more):
    asked = body(crops)
    data = [index for row in rows for index in row]
    asked["inputs"].append({"name": "clips", "datatype": "INT32", "shape": [len(rows), len(rows[0])], "data": data} | more)
    return asked


def test_many_crops_of_several_clips_in_one_request(seeing):
    """One row a clip; a bad crop spoils its clips only; a crop beside its clip is nobody's."""
    crops = [*golden_crops(6), b"none"]
    found = outputs(seeing.reply(clips_body(crops, [[0, 1, 2, 3], [3, 4, 5, 6], [5, 4, 3, 2]])))
    assert found["status"]["data"] == [0, Status.NOT_JPEG, 0]
    assert found["probabilities/m"]["shape"] == [3, 2]
    assert sum(found["fused"]["data"][:2]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (body([b"x"] * 4), Status.CLIPS),
        (clips_body([b"x"] * 4, [[0, 1, 2]]), Status.CLIPS),
        (clips_body([b"x"] * 4, [[0, 1, 2, 3, 3]]), Status.CLIPS),
        (clips_body([b"x"] * 4, [[0, 1, 2, 4]]), Status.CLIPS),
        (clips_body([b"x"] * 4, [[0, 1, 2, -1]]), Status.CLIPS),
        (clips_body([b"x"] * 4, [[0, 1, 2, 3]], datatype="FP32"), Status.MALFORMED),
        (clips_body([b"x"] * 4, [[0, 1, 2, 3.5]]), Status.MALFORMED),
        (clips_body([b"x"] * 4, [[0, 1, 2, 3]], shape=[2, 4]), Status.MALFORMED),
        (clips_body([b"x"] * 4, [[0, 1, 2, 3]], shape=[1]), Status.MALFORMED),
        (clips_body([b"x"] * 4, [[0, 1, 2, 3]], data=None), Status.MALFORMED),
        (clips_body([b"x"] * 4, [[0, 1, 2, 3]] * (MAX_CROPS + 1)), Status.MALFORMED),
        (clips_body([b"x"] * (MAX_CROPS + 1), [[0, 1, 2, 3]]), Status.TOO_MANY),
    ],
)
def test_clips_that_are_none_have_a_status(seeing, asked, status):
    found = outputs(seeing.reply(asked))
    assert found["status"]["data"] == [status]
    assert not any(found["fused"]["data"])


def test_clips_where_nobody_sees_any(folder):
    assert outputs(Packed(folder).reply(clips_body(golden_crops(4), [[0, 1, 2, 3]])))["status"]["data"] == [Status.CLIPS]


def test_a_changed_member_does_not_start(folder):
    write(folder / "m.onnx", 2, 2)
    with pytest.raises(ModelFileError, match="not the file that was packed"):
        Packed(folder)


def test_words_and_digest():
    digest = "00112233445566778899aabbccddeeff" * 2
    assert digest_of(words(digest)) == digest
    assert digest_of([1, 2]) == ""
