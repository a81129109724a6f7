"""The five published protocols: what the papers say, stands there; without a site's model they refuse by name; infants stay infants."""

from __future__ import annotations

import copy
import tomllib
from datetime import date
from typing import Any

import pytest

from wince.cli.protocols import explained
from wince.domain.clip import Clip
from wince.domain.scales import ICU, PAIN, VAS
from wince.errors import ProtocolError
from wince.models import lock
from wince.protocols import loader
from wince.protocols.rules import ClinicalProtocol
from wince.serve import scoring

PUBLISHED = ("icu", "postoperative", "infant", "hip-fracture", "neonatal")
CHILDREN = ("infant", "neonatal")
TODAY = date(2026, 11, 21)


def raw(name: str) -> dict[str, Any]:
    return tomllib.loads((loader.SHIPPED / f"{name}.toml").read_text("utf-8"))


def changed(name: str, key: str, value: object) -> dict[str, Any]:
    content = copy.deepcopy(raw(name))
    *path, last = key.split(".")
    table: Any = content
    for part in path:
        table = table[int(part)] if part.isdigit() else table[part]
    table[last] = value
    return content


def bands(name: str) -> list[tuple[str, float]]:
    return [(band.name, band.min) for band in loader.load(name).scale.grades]


def test_six_protocols_ship() -> None:
    assert set(loader.available()) == {"activity", *PUBLISHED}


@pytest.mark.parametrize("name", ["activity", *PUBLISHED])
def test_each_says_whom_what_and_how_it_misleads(name: str) -> None:
    """Population, source of the scale, published figures, what is ours, traps, and the label; all of it reaches the reader."""
    protocol = loader.load(name)
    lines = "\n".join(explained(protocol, "ready"))
    assert "not validated" in protocol.report.label
    assert protocol.report.published
    assert protocol.report.ours
    assert protocol.report.traps
    report = protocol.report
    for text in (report.label, protocol.population.name, protocol.scale.source, *report.published, *report.traps, *report.ours):
        assert text in lines
    for member in protocol.estimate.members:
        assert member.name in lines


@pytest.mark.parametrize("name", PUBLISHED)
def test_without_a_trained_model_it_refuses_by_name(name: str) -> None:
    """The loader and the scorer say which protocol needs which model, and what to do."""
    protocol = loader.load(name)
    for ask in (
        lambda: loader.load(name, models=lock.load().keys()),
        lambda: scoring.scorer(protocol),
    ):
        with pytest.raises(ProtocolError) as caught:
            ask()
        assert f"protocol {name!r} needs a model that the site trained" in caught.value.message
        assert all(member.name in caught.value.message for member in protocol.estimate.members)
        assert "comes with a later version" in caught.value.remedy


@pytest.mark.parametrize("name", PUBLISHED)
def test_with_its_models_it_would_be_ready(name: str) -> None:
    """The names of the members are all that is missing: every other file is in the lock."""
    protocol = loader.load(name)
    loader.check_models(protocol, {*lock.load(), *(member.name for member in protocol.estimate.members)})


def test_of_candidates_one_is_enough_of_an_ensemble_all_are_needed() -> None:
    loader.check_models(loader.load("neonatal"), {*lock.load(), "neonatal-vgg16-fer2013"})
    with pytest.raises(ProtocolError, match="icu-vgg16, icu-inceptionv1, icu-bilstm"):
        loader.check_models(loader.load("icu"), {*lock.load(), "icu-resnet34"})


@pytest.mark.parametrize("name", CHILDREN)
def test_children_never_meet_the_scorer_for_adults(name: str) -> None:
    """No protocol is named in its place; a file that names the adult scorer for children is refused, whatever else it says."""
    protocol = loader.load(name)
    assert protocol.estimate.instead == ""
    with pytest.raises(ProtocolError, match=r"infant-cnn|neonatal-vgg16") as caught:
        scoring.scorer(protocol)
    assert "activity" not in caught.value.remedy
    for members in (protocol.estimate.members and raw(name)["estimate"]["members"], []):
        content = changed(name, "estimate.scorer", "activity")
        content["estimate"]["members"] = members
        with pytest.raises(ProtocolError, match="may not judge this population"):
            loader.parse(content, f"site/{name}.toml")


@pytest.mark.parametrize("age", ["17y", "215m", "6000d"])
def test_the_adult_scorer_has_no_younger_population(age: str) -> None:
    """Nor without any limit of age."""
    for content in (changed("activity", "population.min_age", age), changed("activity", "population", {"name": "anybody"})):
        with pytest.raises(ProtocolError, match="may not judge this population") as caught:
            loader.parse(content, "site/activity.toml")
        assert caught.value.field.endswith("estimate.scorer")


def test_who_fits_whom() -> None:
    """A newborn fits the protocols for children only, a man of 70 none of them."""
    newborn, elderly = date(2026, 11, 14), date(1956, 1, 1)
    fits = {name: loader.load(name).population for name in ("activity", *PUBLISHED)}
    for born, expected in ((newborn, set(CHILDREN)), (elderly, {"activity", "icu", "postoperative", "hip-fracture"})):
        assert {name for name, population in fits.items() if population.fits(born, TODAY)} == expected
    assert not fits["hip-fracture"].fits(date(1962, 1, 1), TODAY)


# ---------------------------------------------------------------- what the papers say
def test_scales_are_the_published_ones() -> None:
    assert bands("icu") == [(band.name, band.min) for band in ICU.grades]
    assert bands("hip-fracture") == [(band.name, band.min) for band in VAS.grades]
    assert bands("infant") == bands("neonatal") == [(band.name, band.min) for band in PAIN.grades]
    assert [name for name, _ in bands("postoperative")] == ["none", "mild", "moderate", "severe"]


def test_icu() -> None:
    """Three backbones and a clip model; three tasks; with and without a reference."""
    protocol = loader.load("icu")
    assert {(one.backbone, one.sees) for one in protocol.estimate.members} == {
        ("resnet34", "image"), ("vgg16", "image"), ("inceptionv1", "image"), ("bilstm", "clip"),
    }  # fmt: skip
    assert [(task.negative, task.positive) for task in protocol.train.tasks] == [
        ((), ()), (("relaxed",), ("tense", "grimace")), (("relaxed",), ("grimace",)),
    ]  # fmt: skip
    assert protocol.estimate.reference
    assert protocol.clip == Clip(("icu-bilstm",), 10, 5.0)
    assert all(loader.load(name).clip is None for name in PUBLISHED if name != "icu")
    assert all(figure in " ".join(protocol.report.published) for figure in (".5589", ".7668", ".8593", ".81", ".88", "63", "746"))


def test_hip_fracture() -> None:
    """MTCNN's five points, the dim clip, stable frames, VAS, the optimum and its search."""
    protocol = loader.load("hip-fracture")
    assert (protocol.detect.detector, protocol.detect.crop) == ("mtcnn", "points")
    assert 0 < protocol.detect.dim_share <= 1
    assert protocol.grade.debounce_frames > 1
    assert str(protocol.population.min_age) == "65y"
    assert {"Alzheimer's disease", "deafness", "aphasia"} <= set(protocol.population.exclusions)
    train = protocol.train
    assert (train.lr, train.momentum, train.l2, train.optimizers[0]) == (0.1679, 0.8437, 2.456e-5, "sgdm")
    assert train.search is not None
    assert train.search.trials == 60
    assert protocol.estimate.classes == ("mild", "obvious", "severe", "intense")


def test_neonatal() -> None:
    """Four candidates of which one is kept, the head, the threshold, padding, key frames, leave-one-out."""
    protocol = loader.load("neonatal")
    candidates = {(backbone, start) for backbone in ("vgg16", "resnet50") for start in ("fer2013", "vggface2")}
    assert {(one.backbone, one.start) for one in protocol.estimate.members} == candidates
    assert protocol.estimate.choose
    train = protocol.train
    assert (train.head, train.dropout, train.batch_norm, train.lr) == ((512, 128, 2), 0.5, True, 1e-5)
    assert (train.augment.rotate_degrees, train.augment.flip, train.split, train.frames) == (15, True, "leave-one-out", "key")
    assert (protocol.grade.min_confidence, protocol.detect.crop) == (0.55, "padded")


def test_infant_and_postoperative() -> None:
    infant, postoperative = loader.load("infant"), loader.load("postoperative")
    assert infant.train.layers
    assert all(figure in infant.report.published[1] for figure in (".9024", ".8758", ".9818"))
    assert postoperative.train.sets == ("CPD", "SPD", "CD")
    assert [member.backbone for member in postoperative.estimate.members] == ["vgg16"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_traps_are_not_repeated(name: str) -> None:
    """No split by picture, no early stopping on the test patient, whatever the study did."""
    train = loader.load(name).train
    assert train.split in {"patient", "leave-one-out"}
    assert train.early_stop == "validation"


# ---------------------------------------------------------------- a file that is wrong
SEER = {"name": "a", "backbone": "bilstm", "sees": "clip", "frames": 10, "rate_hz": 5}


@pytest.mark.parametrize(
    ("name", "key", "value", "named"),
    [
        ("icu", "detect.detector", "yolo", "detect.detector"),
        ("icu", "detect.crop", "points", "detect.crop"),
        ("icu", "detect.crop", "square", "detect.crop"),
        ("icu", "detect.dim_share", 1.5, "detect.dim_share"),
        ("icu", "estimate.members", [{"name": "a", "backbone": "resnet34"}] * 2, "estimate.members"),
        ("icu", "estimate.members", [{"name": "a", "backbone": "mlp"}], "estimate.members[0].backbone"),
        ("icu", "estimate.members", [{"name": "a", "backbone": "cnn"}], "train.layers"),
        ("icu", "estimate.members", [{"name": "a", "backbone": "vgg16", "sees": "sound"}], "estimate.members[0].sees"),
        ("icu", "estimate.members", [{"name": "a", "backbone": "vgg16", "start": "web"}], "estimate.members[0].start"),
        ("icu", "estimate.members", [{"name": "a", "backbone": "vgg16", "size": 3}], "estimate.members[0].size"),
        ("icu", "estimate.members", [SEER | {"frames": 1}], "estimate.members[0].frames"),
        ("icu", "estimate.members", [SEER | {"frames": 65, "rate_hz": 5}], "estimate.members[0].frames"),
        ("icu", "estimate.members", [SEER | {"frames": 60, "rate_hz": 5}], "estimate.members[0].frames"),
        ("icu", "estimate.members", [SEER | {"rate_hz": 0}], "estimate.members[0].rate_hz"),
        ("icu", "estimate.members", [SEER | {"rate_hz": 6}], "estimate.members[0].rate_hz"),
        ("icu", "estimate.members", [SEER, SEER | {"name": "b", "frames": 8}], "estimate.members"),
        ("icu", "estimate.members", [SEER | {"sees": "image"}], "estimate.members[0]"),
        ("icu", "estimate.classes", ["calm"], "estimate.classes"),
        ("icu", "train.method", "none", "train.method"),
        ("icu", "train.split", "image", "train.split"),
        ("icu", "train.optimizers", ["magic"], "train.optimizers[0]"),
        ("icu", "train.tasks", [{"name": "x", "positive": ["tense"]}], "train.tasks[0]"),
        ("icu", "train.tasks", [{"name": "x", "positive": ["tense"], "negative": ["tense"]}], "train.tasks[0]"),
        ("icu", "train.tasks", [{"name": "x", "positive": ["tense"], "negative": ["calm"]}], "train.tasks[0]"),
        ("neonatal", "train.dropout", 1.0, "train.dropout"),
        ("neonatal", "train.head", [512, 3], "train.head"),
        ("neonatal", "train.lr", -1e-5, "train.lr"),
        ("neonatal", "train.augment.rotate_degrees", 181, "train.augment.rotate_degrees"),
        ("neonatal", "train.early_stop", "test subject", "train.early_stop"),
        ("infant", "train.layers", ["conv three 32"], "train.layers[0]"),
        ("infant", "train.layers", ["attention 8"], "train.layers[0]"),
        ("hip-fracture", "train.search.trials", 0, "train.search.trials"),
        ("hip-fracture", "train.search.lr", [0.2, 1.0], "train.search.lr"),
        ("hip-fracture", "train.search.momentum", [0.9, 0.5], "train.search.momentum"),
        ("hip-fracture", "report.trap", [], "report.trap"),
    ],
)
def test_what_is_wrong_is_named(name: str, key: str, value: object, named: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        loader.parse(changed(name, key, value), f"dir/{name}.toml")
    assert caught.value.field == f"dir/{name}.toml: {named}"
    assert caught.value.remedy


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_site_s_copy_is_enough(name: str, tmp_path: Any) -> None:
    """The file alone, under another name and with another threshold, is a protocol of the site."""
    text = (loader.SHIPPED / f"{name}.toml").read_text("utf-8").replace(f'name = "{name}"\ntitle', 'name = "own"\ntitle', 1)
    (tmp_path / "own.toml").write_text(text)
    protocol: ClinicalProtocol = loader.load("own", (tmp_path,))
    assert protocol.rule != loader.load(name).rule
    with pytest.raises(ProtocolError, match="protocol 'own' needs a model"):
        scoring.scorer(protocol)
