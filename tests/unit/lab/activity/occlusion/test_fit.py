"""The probe for covers: what it is fitted on, and that it can be told apart."""

import numpy as np

from wince.lab.activity.occlusion import fit
from wince.lab.activity.occlusion.turned import POSES, TURN, Row, planned
from wince.lab.corpus import recipe
from wince.lab.corpus.read import Corpus


def test_a_plan_is_free_and_masked_at_the_same_poses_and_ends_behind() -> None:
    person, stills = planned(40000)
    assert planned(40000)[1][0].pose == stills[0].pose
    assert planned(40001)[1][0].pose != stills[0].pose
    assert [still.cover for still in stills] == ["none", "mask"] * POSES + ["none"]
    pairs = zip(stills[:-1:2], stills[1::2], strict=True)
    assert all((free.pose, free.weights) == (masked.pose, masked.weights) for free, masked in pairs)
    assert all(abs(still.pose["yaw"]) <= TURN for still in stills[:-1])
    assert 150 <= stills[-1].pose["yaw"] <= 210
    assert person.occluder is not None
    assert person.occluder.kind == "mask"


def corpus() -> Corpus:
    features = np.arange(6 * 128 * 64, dtype=np.float16).reshape(6, 128, 8, 8)
    columns = {
        "features": features, "found": np.array([1, 1, 1, 1, 0, 1], bool), "yaw": np.array([0, 39, 41, -50, 0, -40], np.float32),
        "cover": np.array(["none", "hand", "none", "mask", "none", "tube"]),
    }  # fmt: skip
    return Corpus(columns, np.arange(6), np.ones(6))


def test_only_stills_that_say_something_are_learned_from() -> None:
    """Found, turned no further than a protocol lets it be graded, and no tube."""
    found = fit.corpus_rows(corpus())
    assert [(row.seed, row.kind, row.covered) for row in found] == [(0, "still", False), (1, "hand", True)]
    assert found[0].bands.shape == (512,)


def test_two_kinds_are_told_apart_and_reported() -> None:
    rng = np.random.default_rng(3)
    rows = [Row(s, "mask" if s % 2 else "free", bool(s % 2), rng.normal(s % 2, 0.3, 4).astype(np.float32), 25.0) for s in range(200)]
    probe = fit.fit(np.array([row.bands for row in rows], np.float64), np.array([row.covered for row in rows]))
    assert ((fit.probability(probe, rows) > 0.5) == [row.covered for row in rows]).mean() > 0.97
    before, after = (fit.probability(one, rows) for one in (probe, fit.moved(probe)))
    assert ((before > fit.LIMIT) == (after > 0.5)).all()
    found = fit.cover_shares(probe, [*rows, rows[1]._replace(yaw=180.0)])
    assert [(one.kind, one.low, one.faces) for one in found] == [("free", 20, 100), ("mask", 20, 100), ("mask", 90, 1)]
    assert list(found[0].shares) == list(fit.LIMITS)
    assert found[0].shares[0.5] < 0.05 < 0.95 < found[1].shares[0.3]


def test_the_weights_are_written_whole(tmp_path, monkeypatch) -> None:
    """Fitted on the training persons, told of the validation persons; what stood there before stands until the end."""
    rng = np.random.default_rng(4)
    monkeypatch.setattr(fit, "load_head", lambda file: None)
    monkeypatch.setattr(fit, "read_corpus", lambda folder, seeds: corpus())
    row = [Row(1, "hand" if n % 2 else "free", bool(n % 2), rng.normal(n % 2, 0.3, 512).astype(np.float32), 9.0) for n in range(4)]
    monkeypatch.setattr(fit, "turned_rows", lambda head, seed: iter(row))
    (tmp_path / "probe.npy").write_bytes(b"before")
    told: list[int] = []
    fitted = fit.fit_covers(tmp_path, tmp_path / "probe.npy", None, told.append)
    assert told == [*recipe.TRAIN[: fit.DRAWN], *recipe.VALIDATION]
    assert (fitted.faces, fitted.covered) == (2 + 4 * fit.DRAWN, 1 + 2 * fit.DRAWN)
    assert {one.kind for one in fitted.validation} == {"still", "hand", "free"}
    assert np.load(tmp_path / "probe.npy", allow_pickle=False).shape == (513,)
    assert [file.name for file in tmp_path.iterdir()] == ["probe.npy"]
