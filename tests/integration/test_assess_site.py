"""`wince assess` with a model that a site trained: the protocols of the studies run, by MTCNN and five points where they say so.

The models are random: what is tested is the road, not medicine."""

import csv
import json
from pathlib import Path

import av
import pytest

from tests.face_models import fetched
from tests.support.assess import Called
from tests.support.classifiers import write
from wince.errors import Unavailable
from wince.models import fetch
from wince.models.lock import MTCNN_MODELS
from wince.models.site import site_folder
from wince.testing import clips

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with what two protocols need of a site."""
    fetched()
    try:
        fetch.fetch(MTCNN_MODELS)
    except Unavailable as error:
        pytest.skip(f"needs MTCNN's weights ({error.message})")
    folder = tmp_path_factory.mktemp("models")
    for file in fetch.cache_folder().iterdir():
        if file.is_file():
            (folder / file.name).symlink_to(file)
    write(site_folder(folder) / "hip-fracture-resnet50.onnx", 4, 11)
    return folder


def test_hip_fracture_grades_and_leaves_out_what_is_dim(models: Path, tmp_path: Path):
    """Its four grades from one model; the clip in which the light goes out has no number in any frame; a reference is left aside."""
    table, report = tmp_path / "frames.csv", tmp_path / "report"
    called = Called(
        tmp_path / "state", clips.clip("bed2"), clips.clip("bed3"), "--protocol", "hip-fracture", "--json", "-", "--per-frame", table,
        "--reference", "0-2", "--report", report, "--jobs", "2", WINCE_MODELS_DIR=str(models),
    )  # fmt: skip
    assert called.code == 0, called.err
    seen, dim = called.clips()["bed2.mp4"], called.clips()["bed3.mp4"]
    assert seen["assessable_share"] > 0.9
    grades = {band["name"] for band in json.loads(called.out)["protocol"]["grades"]}
    assert grades == {"none", "mild", "obvious", "severe", "intense"}
    assert seen["personal"] is None
    assert any("uses none, so it was left aside" in note for note in seen["notes"])
    assert (dim["grade"], dim["windows"], set(dim["reasons"])) == (None, [], {"dark"})
    rows = list(csv.DictReader(table.read_text().splitlines()))
    scored = [row for row in rows if row["source"] == seen["source"] and row["score"]]
    assert scored
    units = [name for name in rows[0] if name.startswith("au")]
    assert len(units) == 6
    assert not any(row[name] for row in scored for name in units)
    assert all(0 <= float(row["score"]) <= 10 for row in scored)
    assert not [row for row in rows if row["source"] == dim["source"] and row["score"]]
    assert len(list(report.glob("*.pdf"))) == 3, "one a clip, and the index"


def test_another_model_is_another_result(models: Path, tmp_path: Path):
    """What was kept with one model is not shown for another: it is known by content."""
    picture = tmp_path / "face.png"
    with av.open(str(clips.clip("bed1"))) as container:
        next(container.decode(video=0)).to_image().save(picture)

    def model_set() -> str:
        called = Called(tmp_path / "state", picture, "-p", "hip-fracture", "--json", "-", WINCE_MODELS_DIR=str(models))
        assert called.code == 0, called.err
        return called.clips()["face.png"]["model_set"]

    first = model_set()
    assert model_set() == first
    write(site_folder(models) / "hip-fracture-resnet50.onnx", 4, 12)
    assert model_set() != first
    assert len(list((tmp_path / "state" / "assess").iterdir())) == 2
