"""The benchmark runner: what a module must give, and what becomes of one that can't."""

import io
import sys
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from bench import Unmeasurable
from bench.__main__ import met, modules, table
from bench._measure import measure

ROW = {"figure": "decode", "ours": 2.0, "rival_name": "ffmpeg", "rival": 4.0, "ratio": 2.0, "aim": 1.5, "unit": "ms"}


def measured(monkeypatch: pytest.MonkeyPatch, run: Any) -> dict[str, Any]:
    module = ModuleType("bench.example")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bench.example", module)
    return measure("example")


def raising(error: Exception) -> Any:
    def run() -> dict[str, Any]:
        raise error

    return run


def test_a_result_becomes_a_line_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    result = measured(monkeypatch, lambda: {"title": "Video", "rows": [ROW, ROW | {"ratio": 1.2}, ROW | {"aim": None}]})
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table([result]))
    lines = [line for line in console.export_text().splitlines() if "decode" in line]
    assert ["yes" in line for line in lines] == [True, False, False]
    assert ["NO" in line for line in lines] == [False, True, False]
    assert "ffmpeg" in lines[0]


def test_what_can_not_be_measured_says_why_and_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    result = measured(monkeypatch, raising(Unmeasurable("no java; apt-get install maven")))
    assert result["unmeasurable"].startswith("no java")
    assert "failed" not in result


@pytest.mark.parametrize(
    "run", [raising(ValueError("x")), lambda: {"rows": []}, lambda: {"title": "t", "rows": [{"figure": "f"}]}, lambda: None]
)
def test_a_module_that_breaks_or_gives_something_else_has_failed(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    assert "failed" in measured(monkeypatch, run)


def test_an_aim_is_a_least_ratio() -> None:
    assert met(ROW) == "yes"
    assert met(ROW | {"ratio": 1.49}) == "NO"
    assert met(ROW | {"ratio": None}) == ""


def test_only_modules_that_run_are_benchmarks() -> None:
    assert not {"__main__", "_measure", "__init__"} & set(modules())
