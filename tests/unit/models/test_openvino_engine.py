"""Compiled models that are read back: the same numbers, and never those of another model, machine or way to compute."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wince.models import activity, compiled_folder, cpu, openvino_engine
from wince.models.openvino_engine import compiled
from wince.models.openvino_quiet import ops, ov


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    before = compiled_folder.of_process()
    compiled_folder.keep_in(tmp_path)
    yield tmp_path / "compiled"
    compiled_folder._of_process = before


class Times:
    """A model that multiplies by the number in its file; counts how often it is built."""

    def __init__(self, file: Path) -> None:
        self.file, self.built = file, 0

    def __call__(self) -> ov.Model:
        self.built += 1
        x = ops.parameter([1, 3], np.float32)
        return ov.Model([ops.multiply(x, ops.constant(np.full((1, 3), float(self.file.read_text()), np.float32)))], [x], "times")

    def answer(self, *recipe: Any, **options: Any) -> float:
        request = compiled([self.file], self, *recipe, **options).create_infer_request()
        request.infer([np.ones((1, 3), np.float32)])
        return float(request.output_tensors[0].data[0, 0])


@pytest.fixture
def times(tmp_path: Path) -> Times:
    (tmp_path / "model").write_text("2")
    return Times(tmp_path / "model")


def test_the_second_time_it_is_read_back(place: Path, times: Times) -> None:
    assert [times.answer(), times.answer()] == [2, 2]
    assert times.built == 1
    assert len(list(place.iterdir())) == 1


def test_nothing_is_kept_where_nobody_said_so(place: Path, times: Times) -> None:
    compiled_folder.keep_in(None)
    assert [times.answer(), times.answer()] == [2, 2]
    assert times.built == 2
    assert not place.exists()


def test_a_changed_file_is_another_model(place: Path, times: Times) -> None:
    assert times.answer() == 2
    times.file.write_text("3")
    assert [times.answer(), times.answer()] == [3, 3]
    assert times.built == 2
    assert len(list(place.iterdir())) == 2


def test_a_file_that_changes_meanwhile_is_not_kept(place: Path, times: Times) -> None:
    """What was built is of the new content; the key would be the old one's."""

    class Changing(Times):
        def __call__(self) -> ov.Model:
            self.file.write_text("5")
            return super().__call__()

    assert Changing(times.file).answer() == 5
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("at", [0, 40, 70, -1])
def test_a_damaged_one_is_compiled_again(place: Path, times: Times, at: int) -> None:
    times.answer()
    (kept,) = place.iterdir()
    damaged = bytearray(kept.read_bytes())
    damaged[at] ^= 0xFF
    kept.write_bytes(damaged)
    assert [times.answer(), times.answer()] == [2, 2]
    assert times.built == 2  # the second time it is whole again


def test_one_that_openvino_refuses_is_compiled_again(place: Path, times: Times) -> None:
    """Whole, under the right key, and yet nothing that this OpenVINO reads."""
    times.answer()
    (kept,) = place.iterdir()
    folder, key = compiled_folder.of_process(), bytes.fromhex(kept.name.partition(".")[0])
    assert folder is not None
    folder.put(key, b"no network at all")
    assert times.answer() == 2
    assert times.built == 2
    assert (folder.get(key) or b"") != b"no network at all"


def test_what_answers_otherwise_when_read_back_is_not_kept(place: Path, times: Times, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Times(times.file.with_name("other"))
    other.file.write_text("7")
    wrong = openvino_engine.compile_model(other()).export_model().getvalue()
    monkeypatch.setattr(ov.CompiledModel, "export_model", lambda _: io.BytesIO(wrong))
    assert times.answer() == 2
    assert list(place.iterdir()) == []


def test_another_processor_version_recipe_or_code_has_its_own(
    place: Path, times: Times, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times.answer()
    times.answer([1, 3])
    times.answer(code=Path(__file__))
    monkeypatch.setattr(cpu, "identity", lambda: ("another",))
    times.answer()
    monkeypatch.setattr(ov, "get_version", lambda: "another")
    times.answer()
    monkeypatch.setattr(openvino_engine, "_CONFIG", openvino_engine._CONFIG | {"NUM_STREAMS": 2})
    times.answer()
    assert times.built == 6
    assert len(list(place.iterdir())) == 6


def test_the_default_scorer_says_the_same_bit_for_bit(place: Path) -> None:
    compiled_folder.keep_in(None)
    plain = activity.Ensemble()
    compiled_folder.keep_in(place.parent)
    made, back = activity.Ensemble(), activity.Ensemble()
    assert len(list(place.iterdir())) == 1 + len(plain.members)
    rng = np.random.default_rng(5)
    for _ in range(20):
        x = {kind: rng.standard_normal((2, *shape)).astype(np.float32) for kind, shape in activity.KINDS.items()}
        calm = rng.standard_normal((2, plain.width)).astype(np.float32)
        found = [(*one.free(x, np.zeros(2, np.float32)), one.personal(calm, calm[::-1])) for one in (plain, made, back)]
        texts = {b"".join(part.tobytes() for part in (a.mean, a.spread, b, c.mean, c.spread)) for a, b, c in found}
        assert len(texts) == 1


def test_the_processor_is_described_once_and_without_what_moves() -> None:
    said = cpu.identity()
    assert said == cpu.identity()
    assert any("flags" in line or "Features" in line for line in said) or not cpu.CPUINFO.exists()
    assert not any("MHz" in line or "bogomips" in line for line in said)
