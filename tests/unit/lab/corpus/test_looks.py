"""The varied looks: pure by seed, within their bounds, of no other part, truth as shown, and drawn otherwise from person to person."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.shared_data import shared
from wince.lab.corpus import draw, looks, looks_paint, looks_shader, recipe, unseen
from wince.lab.corpus.looks_camera import photographed
from wince.lab.corpus.plan import plan
from wince.lab.corpus.read import read_corpus
from wince.lab.synthesize.gl import FRAGMENT_SHADER
from wince.lab.synthesize.head import Head, load_head


def test_parts_share_no_person_and_only_training_has_other_shares_of_kinds():
    parts = [*recipe.PARTS.values(), unseen.UNSEEN]
    assert len({seed for part in parts for seed in part}) == sum(len(part) for part in parts)
    assert not any(looks.varied(seed) for seed in (40000, 44000, 45000, 48000))
    assert looks.varied(recipe.LOOKS[0])
    assert looks.varied(recipe.LOOKS_VALIDATION[0])
    assert sum(recipe.KINDS_OF_LOOKS.values()) == pytest.approx(1.0, abs=0.02)

    def share(seeds: range, kind: str) -> float:
        kinds = [still.kind for seed in seeds for still in plan(seed)[1][recipe.CALM :]]
        return kinds.count(kind) / len(kinds)

    assert share(recipe.LOOKS[:150], "smile_squint") > 0.035
    assert share(range(46000, 46150), "smile_squint") < 0.03


def test_a_shader_is_its_own_persons_and_has_every_uniform():
    one, again, other = (looks_shader.shader(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == again != other
    uniforms = [line for line in FRAGMENT_SHADER.split(";") if "uniform" in line]
    assert all(line.split()[-1] in one for line in uniforms)
    curves = {looks_shader.shader(np.random.default_rng(seed)).rsplit("vec4(", 1)[1] for seed in range(40)}
    assert len(curves) == len(looks_shader.CURVES)


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head(shared("head/ict_head.npz"))


def test_a_look_is_pure_and_its_gains_are_bounded(head: Head):
    first, again, other = looks.look(41000, head), looks.look(41000, head), looks.look(41001, head)
    assert first.gains == again.gains != other.gains
    assert first.style.shader == again.style.shader != other.style.shader
    assert (first.head.neutral == again.head.neutral).all()
    assert not np.allclose(first.head.neutral, other.head.neutral)
    moved = [gain for seed in range(41000, 41040) for name, gain in looks.look(seed, head).gains.items() if name not in looks.LIDS]
    assert looks.LEAST <= min(moved) < 0.8
    assert 1.25 < max(moved) <= looks.MOST
    assert abs(np.log(moved).mean()) < 0.05
    assert all(first.gains[name] == 1 for name in looks.LIDS)


def test_the_truth_is_what_is_shown(head: Head):
    mine = looks.look(41000, head)
    shown = mine.shown({"au4": 2.0, "au6": 1.0, "au43": 1.0, "mouthSmile": 0.5, "jawOpen": 0.2})
    g = mine.gains
    assert shown["au43"] == 1.0
    assert shown["au4"] == pytest.approx(2 * (g["browDown_L"] + g["browDown_R"]) / 2)
    assert shown["jawOpen"] == pytest.approx(0.2 * g["jawOpen"])
    assert shown["mouthSmile"] == pytest.approx(0.5 * (g["mouthSmile_L"] + g["mouthSmile_R"]) / 2)
    cheek = 0.20 * (g["cheekSquint_L"] + g["cheekSquint_R"]) / 2 + 0.12 * (g["cheekRaiser_L"] + g["cheekRaiser_R"]) / 2
    assert shown["au6"] == pytest.approx(cheek / 0.32)


def test_every_kind_of_weight_has_a_gain(head: Head):
    mine = looks.look(41003, head)
    for seed in recipe.LOOKS[:20]:
        for still in plan(seed)[1]:
            shown = mine.shown(still.weights)
            assert shown.keys() == still.weights.keys()
            assert all(0.6 * abs(still.weights[key]) <= abs(value) <= 1.6 * abs(still.weights[key]) for key, value in shown.items())


def test_paint_and_lines_are_pure_and_each_persons_own(head: Head):
    from wince.lab.synthesize.paint import texture_points
    from wince.lab.synthesize.person import Actor

    points = texture_points(head)
    people = [Actor(plan(seed)[0][0], head) for seed in (41000, 41000, 41001)]
    sheets = [looks_paint.skin(person, points) for person in people]
    assert sheets[0].shape == (looks_paint.SIZE, looks_paint.SIZE, 3)
    assert (sheets[0] == sheets[1]).all()
    assert np.abs(sheets[0].astype(int) - sheets[2]).mean() > 2
    lines = [looks_paint.wrinkles(points, seed) for seed in (41000, 41000, 41001)]
    assert lines[0].shape == (looks_paint.SIZE, looks_paint.SIZE, 4)
    assert (lines[0] == lines[1]).all()
    assert (lines[0] != lines[2]).any()
    assert all(lines[0][..., plane].max() > 0 for plane in range(4))


def test_a_camera_is_pure_and_stays_a_picture():
    picture = np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    one, again, next_still, other = (photographed(picture, *which) for which in ((1, 0, False), (1, 0, False), (1, 1, False), (2, 0, True)))
    assert one.shape == picture.shape
    assert one.dtype == np.uint8
    assert (one == again).all()
    assert (one != next_still).any()
    assert (one != other).any()
    greys = [bool((photographed(picture, seed, 0, False).std(axis=2) < 3).all()) for seed in range(60)]
    assert 2 <= sum(greys) <= 20


def test_one_person_is_drawn_the_same_twice_and_not_as_another(head_file: Path):
    head = load_head(head_file)

    def first(seed: int, plan_of: int) -> np.ndarray:
        mine, (people, stills) = looks.look(seed, head), plan(plan_of)
        still = [dataclasses.replace(stills[0], scene=dataclasses.replace(stills[0].scene, noise=0.0))]
        return next(iter(draw.shown(people, still, mine.head, mine.style)))[1].astype(float)

    middle = (slice(100, 300), slice(120, 330))
    one, again, other = first(41000, 41000), first(41000, 41000), first(41001, 41000)
    assert (one == again).all()
    assert np.abs(one - other)[middle].mean() > 8
    assert one[middle].std() > 8


def test_files_of_varied_looks_are_whole_and_tell_what_is_shown(tmp_path: Path, head_file: Path):
    seed, head = recipe.LOOKS_VALIDATION[0], load_head(head_file)
    draw.draw_corpus(tmp_path, head_file, [seed])
    corpus = read_corpus(tmp_path, [seed])
    stills, mine = plan(seed)[1], looks.look(seed, head)
    told = [draw.truth(still.kind, mine.shown(still.weights))["au4"] for still in stills]
    assert np.allclose(corpus["au4"], told, atol=1e-5)
    assert not np.allclose(corpus["au4"], [still.weights.get("au4", 0.0) for still in stills])
    assert corpus["found"].mean() > 0.6
