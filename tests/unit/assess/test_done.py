"""Results that are kept: given again as they were, or not at all."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.assess.report import synthetic
from wince.assess import batch, workers
from wince.assess.done import Done
from wince.assess.inputs import Input, Inputs
from wince.assess.result import ClipResult, plain
from wince.protocols.loader import load
from wince.settings import Settings


def test_what_was_kept_comes_again(tmp_path: Path) -> None:
    result = synthetic.clip(key_frames=())
    done = Done(tmp_path / "kept", "context")
    done.put(result)
    assert done.problem is None
    again = done.get(result.source, result.path)
    assert again is not None
    assert plain.keep(again) == plain.keep(result)
    assert Done(tmp_path / "kept", "another").get(result.source, result.path) is None


def test_a_damaged_file_is_as_good_as_none(tmp_path: Path) -> None:
    """A disk that flips bytes or loses the end costs the time to assess again, and ends nothing."""
    result = synthetic.still()
    done = Done(tmp_path, "context")
    done.put(result)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 200)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        again = done.get(result.source, result.path)
        assert again is None or plain.keep(again) == plain.keep(result)
        file.write_bytes(whole[:at])
        assert done.get(result.source, result.path) is None


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", '{"frames": 1}', "\u0000"])
def test_a_file_that_holds_something_else_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    result = synthetic.still()
    done = Done(tmp_path, "context")
    done.put(result)
    (file,) = tmp_path.iterdir()
    file.write_bytes(gzip.compress(text.encode()))
    assert done.get(result.source, result.path) is None


def test_a_call_with_nothing_left_to_do_loads_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one input or of several: what results depend on is told by hashes."""

    def assessed(todo: list[workers.Task], *_: object) -> Iterator[tuple[workers.Task, ClipResult]]:
        for task in todo:
            yield task, replace(synthetic.still(), path=task.path, source=task.source)

    def loaded(*_: Any) -> None:
        pytest.fail("a model was loaded")

    monkeypatch.setattr(batch.workers, "run", assessed)
    monkeypatch.setattr(batch, "Engine", loaded)
    monkeypatch.setattr(batch.scoring, "scorer", loaded)
    monkeypatch.setattr(batch.scoring, "personal", loaded)
    files = tuple(Input(tmp_path / f"{name}.png", name * 64, 1) for name in "ab")
    settings = Settings(state_dir=tmp_path)
    assert batch.run(Inputs(files, ()), settings, load("activity")).skipped == 0
    assert batch.run(Inputs(files, ()), settings, load("activity")).skipped == 2
    assert batch.run(Inputs(files[:1], ()), settings, load("activity")).skipped == 1
