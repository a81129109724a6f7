"""An ensemble of a site's classifiers: numbers per member and fused, a status for each crop that can't be read, named faults."""

import numpy as np
import pytest
import simplejpeg

from tests.support.classifiers import write
from wince.domain.fusion import fuse_probabilities
from wince.errors import ModelFileError
from wince.models.ensemble import MAX_BYTES, Ensemble, Status
from wince.models.lock import set_id
from wince.serving.manifest import golden_crops


@pytest.fixture
def files(tmp_path):
    return {name: write(tmp_path / f"{name}.onnx", 3, seed) for seed, name in enumerate(("a", "b"))}


def jpeg(width=224, height=224, seed=1):
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return simplejpeg.encode_jpeg(pixels, colorspace="RGB")


def test_every_member_and_their_fusion(files):
    """Rows are probabilities; fused is what the domain's rule makes of them; one crop's numbers don't depend on the others."""
    crops = [*golden_crops(), jpeg()]
    ensemble = Ensemble(files, 3)
    answer = ensemble.answer(crops)
    assert answer.status.tolist() == [Status.OK] * 3
    for index in range(3):
        rows = [answer.members[name][index] for name in files]
        np.testing.assert_allclose([row.sum() for row in rows], 1, atol=1e-6)
        np.testing.assert_allclose(answer.fused[index], fuse_probabilities(rows), atol=1e-6)
    alone = ensemble.answer(crops[2:])
    np.testing.assert_array_equal(alone.fused[0], answer.fused[2])
    assert np.ptp(answer.fused, axis=0).max() > 1e-6  # it does look at the crops
    assert ensemble.model_set == set_id(ensemble.hashes.values())


def test_logits_and_probabilities_are_told_apart_by_name(tmp_path):
    """The same weights, exported either way, give the same numbers."""
    files = {name: write(tmp_path / f"{name}.onnx", 3, 7, output=name) for name in ("logits", "probabilities")}
    answer = Ensemble(files, 3).answer(golden_crops())
    np.testing.assert_allclose(answer.members["logits"], answer.members["probabilities"], atol=1e-6)


def test_weighted_fusion(files):
    answer = Ensemble(files, 3, "weighted", (3.0, 1.0)).answer(golden_crops())
    np.testing.assert_allclose(answer.fused, (3 * answer.members["a"] + answer.members["b"]) / 4, atol=1e-6)


@pytest.mark.parametrize(
    ("crop", "status"),
    [
        (b"", Status.NOT_JPEG),
        (b"no picture", Status.NOT_JPEG),
        (jpeg()[:40], Status.NOT_JPEG),
        (jpeg(64, 64), Status.SIZE),
        (jpeg(8000, 1), Status.SIZE),
        (b"\xff\xd8" + bytes(MAX_BYTES), Status.TOO_LARGE),
    ],
    ids=["empty", "text", "cut", "small", "wide", "large"],
)
def test_a_bad_crop_has_a_status_and_harms_no_other(files, crop, status):
    good = golden_crops(1)[0]
    answer = Ensemble(files, 3).answer([good, crop, good])
    assert answer.status.tolist() == [Status.OK, status, Status.OK]
    assert not answer.fused[1].any()
    np.testing.assert_array_equal(answer.fused[0], answer.fused[2])


def test_what_is_no_such_model_is_refused_by_name(files, tmp_path):
    """Absent, damaged, other classes, an unknown output, weights beside the file: each names the member and says what to do."""
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(files["a"].read_bytes()[:500])
    beside = write(tmp_path / "beside.onnx", 3, 1)
    beside.with_name("beside.onnx.data").write_bytes(b"weights")
    other = write(tmp_path / "other.onnx", 3, 1, output="scores")
    for file, classes, what in (
        (tmp_path / "absent.onnx", 3, "No such file"),
        (cut, 3, "can't be read"),
        (files["a"], 4, "instead of"),
        (other, 3, "has the outputs scores"),
        (beside, 3, "beside it"),
    ):
        with pytest.raises(ModelFileError, match=what) as caught:
            Ensemble({"member-x": file}, classes)
        assert "member-x" in caught.value.field
        assert caught.value.remedy
    with pytest.raises(ModelFileError, match="weights"):
        Ensemble(files, 3, "weighted", (1.0,))
    with pytest.raises(ModelFileError, match="member"):
        Ensemble({}, 3)
