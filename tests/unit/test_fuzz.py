"""The first 2,000 cases of every kind of `make fuzz`, or as many as the kind says where a case is dear."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from tests.fuzz import runner

PARTS = 4


def cases(name: str) -> int:
    return int(getattr(importlib.import_module(f"tests.fuzz.{name}"), "SUITE", 2000))


@pytest.fixture(scope="module")
def worlds() -> Iterator[Callable[[str], tuple[Any, ...]]]:
    """Where the cases of a kind are tried: begun once for all its parts."""
    with ExitStack() as stack:
        yield cache(lambda name: runner.worlds(stack, name))


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", runner.NAMES)
def test_whatever_comes_is_answered_or_refused_by_name(name: str, part: int, worlds: Callable[[str], tuple[Any, ...]]) -> None:
    share = cases(name) // PARTS
    assert runner.run(name, range(part * share, part * share + share), worlds(name)) == []
