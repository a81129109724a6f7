"""Every subject is asked; one that fails, hangs or has no database hides no other."""

import threading
from pathlib import Path

import pytest

from tests.unit.serve.status.looks import NOW_US, look
from wince.errors import ConfigError, Unavailable
from wince.serve.status.collect import SUBJECTS, Status, collect
from wince.serve.status.interface import Look, Row, State


def fine(_: Look) -> list[Row]:
    return [Row("fine", "a", State.OK), Row("fine", "b", State.OK)]


def test_one_that_raises_is_a_row_with_the_reason(tmp_path: Path) -> None:
    def ours(_: Look) -> list[Row]:
        raise ConfigError("is wrong", field="WINCE_X", remedy="correct it")

    def fault(_: Look) -> list[Row]:
        raise KeyError("Seeded Surname")

    found = collect(look(tmp_path), {"ours": ours, "fine": fine, "fault": fault})
    assert [(row.subject, row.state) for row in found.rows] == [
        ("ours", State.BAD), ("fine", State.OK), ("fine", State.OK), ("fault", State.BAD)
    ]  # fmt: skip
    assert (found.rows[0].reason, found.rows[0].remedy) == ("WINCE_X: is wrong", "correct it")
    assert "Surname" not in found.rows[3].reason
    assert "KeyError" in found.rows[3].reason
    assert found.state is State.BAD
    assert found.at_us == NOW_US


def test_one_that_hangs_is_left_behind(tmp_path: Path) -> None:
    """The others are shown within the time; the thread that hangs keeps nothing from ending."""
    release = threading.Event()

    def hangs(_: Look) -> list[Row]:
        release.wait(60)
        return []

    found = collect(look(tmp_path), {"hangs": hangs, "fine": fine}, seconds=0.3)
    release.set()
    assert [(row.subject, row.state) for row in found.rows] == [("hangs", State.WARNING), ("fine", State.OK), ("fine", State.OK)]
    assert "0.3 s" in found.rows[0].reason
    assert "wince doctor" in found.rows[0].remedy


def test_without_a_database_what_needs_one_is_unknown_and_the_database_is_bad(tmp_path: Path) -> None:
    """Told once, not five times; what needs none is told as ever."""
    trouble = Unavailable("the database does not answer", field="WINCE_PG_DSN", remedy="is PostgreSQL running there?")
    found = collect(look(tmp_path, trouble=trouble), {name: ask for name, ask in SUBJECTS.items() if name != "models"})
    states = {row.subject: row.state for row in found.rows}
    assert states["database"] is State.BAD
    assert {states[name] for name in ("cameras", "beds", "outbox", "audit")} == {State.UNKNOWN}
    assert states["disk"] in (State.OK, State.WARNING)
    assert next(row for row in found.rows if row.subject == "database").remedy == trouble.remedy


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        ([], State.OK),
        ([State.OK, State.UNKNOWN], State.OK),
        ([State.WARNING, State.UNKNOWN], State.WARNING),
        ([State.OK, State.BAD, State.WARNING], State.BAD),
    ],
)
def test_the_worst_counts(states: list[State], worst: State) -> None:
    assert Status(0, tuple(Row("s", "w", state) for state in states)).state is worst
