"""The hazard log: its page is current, every control names a test that exists or says why there is none."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import pairwise

import pytest

from safety import hazards
from tests.support.docs import ROOT

LOG = hazards.load()
PAGE = ROOT / "docs/explanation/hazards.md"
GRAVE = ("major", "catastrophic")
MUST = (
    "wrong patient", "merged", "visitor", "wrong time", "number is wrong", "alert is lost", "alert comes late", "no pain", "paralysed",
    "dark, turned, upside down or mirrored", "model is not the one", "not made for this patient", "own word", "withdrawn", "unit, scale",
    "stands still", "display", "alarm fatigue", "patient data reach", "restored", "upgrade mixes", "wrong setting", "recognised",
)  # fmt: skip
"""What the road can do to a patient: none of these may vanish from the log."""


@cache
def names(path: str) -> frozenset[str]:
    """The tests that a file defines; empty where there is no such file."""
    file = ROOT / path
    found = ast.walk(ast.parse(file.read_text())) if file.is_file() else ()
    return frozenset(node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lacking(guards: list[str]) -> list[str]:
    """Those that are no test."""
    parts = [(guard, *guard.partition("::")) for guard in guards]
    return [guard for guard, path, _, name in parts if not (path.startswith("tests/") and name.startswith("test_") and name in names(path))]


def test_the_page_is_current() -> None:
    """A difference here: run `make docs`."""
    assert PAGE.read_text() == hazards.page(LOG)


def test_ids_rise_and_name_each_hazard_once() -> None:
    ids = [one.id for one in LOG]
    assert all(re.fullmatch(r"H\d\d", one) for one in ids)
    assert all(before < after for before, after in pairwise(ids))


def test_no_hazard_of_the_road_is_left_out() -> None:
    titles = "\n".join(one.title.lower() for one in LOG)
    assert [words for words in MUST if words not in titles] == []


@pytest.mark.parametrize("hazard", LOG, ids=lambda one: one.id)
def test_a_hazard_is_whole(hazard: hazards.Hazard) -> None:
    for text in (hazard.hazard, hazard.harm, hazard.residual, *hazard.causes, *hazard.site, *(one.what for one in hazard.controls)):
        assert text.strip()
    assert hazard.causes
    assert hazard.site
    assert hazard.after.level <= hazard.before.level
    assert hazard.after.severity in hazards.SEVERITIES[: hazards.SEVERITIES.index(hazard.before.severity) + 1]
    assert any(one.guards for one in hazard.controls), "no control that a test guards"


@pytest.mark.parametrize("hazard", LOG, ids=lambda one: one.id)
def test_every_guard_exists_and_what_has_none_says_why(hazard: hazards.Hazard) -> None:
    assert lacking([guard for one in hazard.controls for guard in one.guards]) == []
    for one in hazard.controls:
        assert bool(one.guards) != bool(one.open), one.what
        if one.open and hazard.after.severity in GRAVE:
            assert len(one.open) > 40, f"{one.what}: a grave hazard needs a reason that a safety officer can weigh"


def test_a_risk_that_no_site_may_take_is_forbidden_by_the_intended_use() -> None:
    """Level 4 and above after controls: the residual says so, and the intended use is linked."""
    for one in LOG:
        if one.after.level >= 4:
            assert "intended use" in one.residual, one.id
    assert "intended-use.md" in PAGE.read_text()


def test_a_guard_that_is_not_there_is_found() -> None:
    """Else the tests above prove nothing."""
    gone = ["tests/unit/test_hazards.py::test_no_such", "tests/unit/no_such.py::test_x", "tests/unit/test_hazards.py::lacking"]
    assert lacking([*gone, "tests/unit/test_hazards.py::test_the_page_is_current"]) == gone
