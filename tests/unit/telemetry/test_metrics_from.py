"""docs/reference/metrics.md says from which service a metric comes: where its setters are called in the source."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "services" / "wince"
TELEMETRY = SOURCE / "telemetry"
READERS = {"estimate", "grade", "record"}
RUNS_IN = {
    "anchors": {"record"},
    "bus/kafka_consumer": READERS,
    "clients/detect": {"capture"},
    "delivery": {"record"},
    "hospital": {"hospital"},
    "pipeline/estimate": {"estimate"},
    "pipeline/record": {"record"},
    "runners/ahead": {"estimate", "grade"},
    "runners/consumer": READERS,
    "runners/mixed": {"grade"},
    "runners/record": {"record"},
    "serve/camera_list": {"capture"},
    "serve/census": {"hospital"},
    "serve/estimate": {"estimate"},
    "serve/expiry": {"all"},
    "serve/imaging": {"imaging"},
    "serve/process": {"all"},
    "serve/record": {"record"},
}
"""Which service runs a part of the source, by the beginning of its path."""
COLLECTED = re.compile(r"wince_camera_(?!list)\w+|wince_alerts_per_bed_day")
"""Computed when the page is asked for, by a collector: nothing in the source sets them."""


def setters() -> dict[tuple[str, str], set[str]]:
    """(module, name) in telemetry -> the metrics that it is, or that it sets."""
    found: dict[tuple[str, str], set[str]] = {}
    for path in TELEMETRY.glob("*.py"):
        body = ast.parse(path.read_text("utf-8")).body
        metrics: dict[str, str] = {}
        for node in body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name):
                name = node.value.args[0].value if node.value.args and isinstance(node.value.args[0], ast.Constant) else ""
                if str(name).startswith("wince_"):
                    counter = isinstance(node.value.func, ast.Name) and node.value.func.id == "Counter"
                    metrics[node.targets[0].id] = f"{name}_total" if counter else str(name)
        found |= {(path.stem, variable): {metric} for variable, metric in metrics.items()}
        for node in body:
            if isinstance(node, ast.FunctionDef):
                named = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)} & set(metrics)
                found[path.stem, node.name] = {metrics[variable] for variable in named}
    return found


def services() -> dict[str, set[str]]:
    """Metric -> the services in which something sets it."""
    known, found = setters(), defaultdict[str, set[str]](set)
    for path in SOURCE.rglob("*.py"):
        if path.is_relative_to(TELEMETRY):
            continue
        place = path.relative_to(SOURCE).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                for metric in known.get((node.value.id, node.attr), ()):
                    runs = [RUNS_IN[start] for start in RUNS_IN if place.startswith(start)]
                    assert len(runs) == 1, f"{place} sets {metric}: say in RUNS_IN which service runs it"
                    found[metric] |= runs[0]
    return found


def test_a_metric_comes_from_the_services_that_the_page_names() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text("utf-8")
    described = {
        name: set(where.split(", ")) for name, where in re.findall(r"^\| `(wince_\w+)` \| \w+ \| [\w, ]*?\| ([\w, ]+?) \|", page, re.M)
    }
    assert len(described) > 60
    set_by = services()
    for name, where in described.items():
        if not COLLECTED.fullmatch(name):
            assert set_by.get(name) == where, name
