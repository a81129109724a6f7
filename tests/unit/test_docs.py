"""What the docs folder says is what the product does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.face_models import fetched
from tests.support import screenshots
from wince.protocols import loader

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", loader.available())
def test_a_protocol_is_described_as_its_file_has_it(name: str) -> None:
    """Its section holds every figure, trap and grade, and what of it is ours."""
    rules = loader.load(name)
    text = (DOCS / "reference" / "protocols.md").read_text()
    head = f"\n## {name}: {rules.title}\n"
    assert head in text
    section = text.split(head, 1)[1].split("\n## ", 1)[0]
    report, population = rules.report, rules.population
    said = [*report.published, *report.traps, *report.ours, population.name, rules.scale.name, rules.scale.source, *population.exclusions]
    said += [f"{grade.name} from {grade.min:g}" for grade in rules.scale.grades]
    said += [f"from {population.min_age}"] if population.min_age else []
    said += [f"below {population.max_age}"] if population.max_age else []
    assert [one for one in said if one not in section] == []


def test_the_example_runs_and_is_short() -> None:
    fetched()
    example = DOCS / "tutorials" / "assess_example.py"
    assert len([line for line in example.read_text().splitlines() if line]) <= 12
    done = subprocess.run([sys.executable, example], capture_output=True, text=True, check=True)
    first, second, *rows = done.stdout.splitlines()
    assert first.startswith("quiet: {'quiet': ")
    assert second == "high from 6.4 s"
    assert len(rows) == 11


def test_the_pictures_of_reports_are_small() -> None:
    """They are made by `make screenshots`."""
    sizes = {path.name: path.stat().st_size for path in (DOCS / "images").glob("*.png")}
    assert {f"{name}.png" for name in screenshots.NAMES} <= set(sizes)
    assert all(size < screenshots.MOST_BYTES for size in sizes.values())
    assert sum(sizes.values()) < 1_000_000
    with Image.open(DOCS / "images" / "report.png") as picture:
        assert min(picture.size) > 600
