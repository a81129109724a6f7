"""Checks run side by side: none hides another, and all of them end in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from wince.errors import ConfigError
from wince.serve.checks import everything
from wince.serve.checks.finding import Finding, State, ok
from wince.settings import Settings


def test_one_that_fails_or_hangs_hides_no_other():
    """What a check found before it failed is kept; one that hangs is named, with what it had found."""
    forever = threading.Event()

    def raises(_: Settings) -> Iterator[Finding]:
        yield ok("first", "there")
        raise ConfigError("is wrong", field="site", remedy="correct it")

    def breaks(_: Settings) -> Iterator[Finding]:
        raise KeyError("Jane Doe")
        yield

    def hangs(_: Settings) -> Iterator[Finding]:
        yield ok("before", "there")
        forever.wait(60)

    def works(_: Settings) -> Iterator[Finding]:
        yield ok("last", "there")

    begun = time.monotonic()
    found = everything.run(Settings(), (("raises", raises), ("breaks", breaks), ("hangs", hangs), ("works", works)), limit_s=2)
    assert time.monotonic() - begun < 30
    forever.set()
    assert [(one.what, one.state) for one in found] == [
        ("first", State.OK),
        ("raises", State.MISSING),
        ("breaks", State.MISSING),
        ("before", State.OK),
        ("hangs", State.MISSING),
        ("last", State.OK),
    ]
    assert (found[1].found, found[1].remedy) == ("site: is wrong", "correct it")
    assert "KeyError" in found[2].found
    assert "Jane" not in found[2].found, "a foreign exception's text may hold anything"
    assert all(one.remedy for one in found if one.state is not State.OK)


def test_they_run_at_the_same_time():
    """Each waits for the other: one after the other they would never end."""
    barrier = threading.Barrier(2, timeout=60)

    def meets(_: Settings) -> Iterator[Finding]:
        barrier.wait()
        yield ok("met", "")

    assert [one.state for one in everything.run(Settings(), (("a", meets), ("b", meets)))] == [State.OK, State.OK]


def test_nothing_is_made(tmp_path):
    """Neither a state directory nor a cache of models, nor a key."""
    settings = Settings(state_dir=tmp_path / "state", models_dir=tmp_path / "models")
    found = everything.run(settings, (*everything.MACHINE, *everything.CONFIGURED))
    assert {"python", "disk", "audit key", "database"} <= {one.what for one in found}
    assert list(tmp_path.iterdir()) == []
