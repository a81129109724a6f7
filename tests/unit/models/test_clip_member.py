"""Members that see clips: one file cut at its features, the whole file's numbers, and what is no such file."""

import numpy as np
import openvino as ov
import pytest
import simplejpeg

from tests.support.classifiers import write
from tests.support.clip_models import write_clip
from wince.domain.clip import Clip
from wince.errors import InputError, ModelFileError
from wince.models.ensemble import Ensemble, Status, decode

CLIP = Clip(("seer",), 4, 5.0)


def crop(seed):
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return simplejpeg.encode_jpeg(np.kron(coarse, np.ones((32, 32, 1), np.uint8)), quality=92, colorspace="RGB")


def files(folder, **how):
    seer = write_clip(folder / "seer.onnx", 3, 1, **({"frames": 4, "rate_hz": 5} | how))
    return {"still": write(folder / "still.onnx", 3, 0), "seer": seer}


def whole(file, crops):
    """What the file itself says of a clip, uncut."""
    core = ov.Core()
    compiled = core.compile_model(core.read_model(str(file)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pixels = np.stack([decode(one).transpose(2, 0, 1) for one in crops]).astype(np.float32) / 255
    logits = compiled(pixels)["logits"][0].astype(np.float64)
    return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()


def test_cut_in_two_it_gives_the_whole_file_s_numbers(tmp_path):
    """And the order of the crops counts; the other members see the last crop."""
    paths = files(tmp_path)
    ensemble, crops = Ensemble(paths, 3, clip=CLIP), [crop(seed) for seed in range(6)]
    rows = [[0, 1, 2, 3], [2, 3, 4, 5], [3, 2, 1, 0]]
    answer = ensemble.answer(crops, rows)
    assert answer.status.tolist() == [Status.OK] * 3
    for index, row in enumerate(rows):
        np.testing.assert_allclose(answer.members["seer"][index], whole(paths["seer"], [crops[at] for at in row]), atol=1e-5)
    assert np.abs(answer.members["seer"][0] - answer.members["seer"][2]).max() > 1e-3
    alone = Ensemble({"still": paths["still"]}, 3).answer(crops)
    np.testing.assert_array_equal(answer.members["still"], alone.members["still"][[3, 5, 0]])
    np.testing.assert_allclose(answer.fused, (answer.members["still"] + answer.members["seer"]) / 2, atol=1e-6)


def test_a_crop_s_features_are_computed_once_and_memory_is_bounded(tmp_path, monkeypatch):
    """A clip that moves on by one crop costs one; a crop that was forgotten is computed again, to the same number."""
    paths = files(tmp_path)
    crops = [crop(seed) for seed in range(12)]
    rows = [list(range(at, at + 4)) for at in range(9)]
    ensemble = Ensemble(paths, 3, clip=CLIP)
    seer = ensemble._clip_nets["seer"]
    at_once = ensemble.answer(crops, rows).members["seer"]
    assert seer.computed == 12
    one_by_one = [ensemble.answer([crops[at] for at in row], [[0, 1, 2, 3]]).members["seer"][0] for row in rows]
    assert seer.computed == 12
    np.testing.assert_array_equal(at_once, one_by_one)
    monkeypatch.setattr("wince.models.clip_member.CACHE_BYTES", 5 * 6 * 4)
    small = Ensemble(paths, 3, clip=CLIP)
    for _ in range(2):
        np.testing.assert_array_equal(small.answer(crops, rows).members["seer"], at_once)
    assert len(small._clip_nets["seer"]._known) == 5
    assert small._clip_nets["seer"].computed == 24


@pytest.mark.parametrize("place", range(4))
def test_a_bad_crop_anywhere_in_a_clip_is_its_status(tmp_path, place):
    """Before and after the others were seen."""
    ensemble, good = Ensemble(files(tmp_path), 3, clip=CLIP), [crop(seed) for seed in range(4)]
    spoilt = [b"none" if at == place else one for at, one in enumerate(good)]
    for _ in range(2):
        answer = ensemble.answer([*spoilt, *good], [[0, 1, 2, 3], [4, 5, 6, 7]])
        assert answer.status.tolist() == [Status.NOT_JPEG, Status.OK]
        assert not answer.fused[0].any()


def test_clips_that_it_does_not_see_are_refused(tmp_path):
    """Of another length, of crops that are not there, none at all; and clips where nobody sees any."""
    paths = files(tmp_path)
    ensemble, crops = Ensemble(paths, 3, clip=CLIP), [crop(seed) for seed in range(4)]
    for rows in ([[0, 1, 2]], [[0, 1, 2, 3, 3]], [[0, 1, 2, 4]], [[-1, 0, 1, 2]], []):
        with pytest.raises(InputError, match="not what the members see"):
            ensemble.answer(crops, rows)
    with pytest.raises(InputError):
        Ensemble({"still": paths["still"]}, 3).answer(crops, [[0, 1, 2, 3]])
    assert ensemble.answer([]).status.shape == (0,)


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ({"frames": 8}, "clips of 8 crops at 5/s, the protocol has 4 at 5/s"),
        ({"rate_hz": 2.5}, "clips of 4 crops at 2.5/s, the protocol has 4 at 5/s"),
        ({"frames": None}, "does not say which clips"),
        ({"features": False}, "has the outputs logits"),
    ],
    ids=["length", "rate", "silent", "uncut"],
)
def test_a_file_that_does_not_fit_is_named(tmp_path, how, what):
    with pytest.raises(ModelFileError, match=what) as caught:
        Ensemble(files(tmp_path, **how), 3, clip=CLIP)
    assert caught.value.field == "seer"
    assert caught.value.remedy


def test_other_files_in_its_place_are_named(tmp_path):
    """A classifier of crops, another number of classes, no ONNX file."""
    paths = files(tmp_path)
    write(paths["seer"], 3, 1)
    with pytest.raises(ModelFileError, match="does not say which clips"):
        Ensemble(paths, 3, clip=CLIP)
    write_clip(paths["seer"], 2, 1, frames=4, rate_hz=5)
    with pytest.raises(ModelFileError, match=r"instead of \(1, features\) and \(1, 3\)"):
        Ensemble(paths, 3, clip=CLIP)
    paths["seer"].write_bytes(b"none")
    with pytest.raises(ModelFileError, match="can't be read as a classifier of clips"):
        Ensemble(paths, 3, clip=CLIP)
    write_clip(paths["still"], 3, 1, frames=4, rate_hz=5)
    with pytest.raises(ModelFileError) as caught:
        Ensemble({"still": paths["still"]}, 3)
    assert caught.value.field == "still"
