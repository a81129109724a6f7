"""A snapshot that was not written by the fold, or was changed on its way back, is refused; what is taken, the fold goes on from."""

import functools
import json
import random
from typing import Any

import pytest

from tests.unit.pipeline.grade.feed import feed, play, setup
from wince.domain.frame import US, Beat
from wince.errors import DataError
from wince.pipeline.grade import stage

ORIGIN_S = 1_700_000_000
VALUES: tuple[Any, ...] = (
    None, "", "x", 5, -1, 1.5, float("inf"), float("nan"), [], {}, [[]], [1, 2, 3], 10**30, True, "AAAA", "AAAAAAAA", "AADAfw==", 77,
)  # fmt: skip


@functools.cache
def _written() -> bytes:
    return stage.dump(play(feed(lambda at: (0.5, 0.9, 0.0), 12.0, origin_s=ORIGIN_S, ended=False))[0])


def written() -> dict[str, Any]:
    """A snapshot in the middle of a window."""
    return json.loads(_written())


def read(content: dict[str, Any]) -> stage.State:
    return stage.load(json.dumps(content).encode(), setup())


def test_every_value_that_is_of_another_type_is_refused():
    refused = 0
    for seed in range(1500):
        chance = random.Random(seed)
        content = written()
        name = chance.choice(sorted(content))
        content[name] = _spoilt(content[name], chance)
        try:
            state = read(content)
        except DataError:
            refused += 1
            continue
        if state.open_us is None or abs(state.open_us - ORIGIN_S * US) < 3600 * US:
            stage.step(state, [Beat(state.source, (ORIGIN_S + 13) * US, 5, 0, 0)])
    assert refused > 500


@pytest.mark.parametrize("blob", [b"", b"[" * 100_000, b"null", b"5", b'{"version": 1}', b"\xff\xfe", b"9" * 5000])
def test_what_is_no_snapshot_is_refused(blob):
    with pytest.raises(DataError) as caught:
        stage.load(blob, setup())
    assert caught.value.field == "snapshot"


def test_what_it_names_is_not_quoted():
    with pytest.raises(DataError) as caught:
        read(written() | {"protocol": "Zzyzx^Patient"})
    assert "Zzyzx" not in str(caught.value)


def test_what_was_written_is_read():
    content = written()
    assert json.loads(stage.dump(read(content))) == content


def _spoilt(value: Any, chance: random.Random) -> Any:
    if isinstance(value, list) and value and chance.random() < 0.85:
        place = chance.randrange(len(value))
        return [*value[:place], _spoilt(value[place], chance), *value[place + 1 :]]
    return chance.choice(VALUES)
