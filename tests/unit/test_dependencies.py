"""What the base install brings is used by it."""

import ast
import re
import tomllib
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "services" / "wince"
BASE = [Requirement(line).name for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]]
TAKEN_BY = {"crc32c": "kafka.record.util", "lz4": "kafka.codec"}
"""Packages that another of the base takes where they are there: Kafka's checksums in C, and batches that another producer compressed."""
NOT_OF_THE_BASE = ("lab", "testing", "serving")
"""Parts whose imports don't count: they have extras, or are no part of a hospital's installation."""


@cache
def imported() -> frozenset[str]:
    """Full names of the modules (or names in them) that the base imports, at the top of a file or within a function."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if path.relative_to(SOURCE).parts[0] in NOT_OF_THE_BASE:
            continue
        found |= names(ast.parse(path.read_text("utf-8")))
    return frozenset(found)


def names(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def modules(package: str) -> set[str]:
    """Full names of the modules that an installed package brings."""
    found = set()
    for file in distribution(package).files or []:
        if file.suffix in (".py", ".so") and not file.parts[0].endswith((".dist-info", "..")):
            name = ".".join((*file.parts[:-1], re.sub(r"\.(cpython-[^.]*|abi3)$", "", file.stem)))
            found.add(name.removesuffix(".__init__"))
    return found


@pytest.mark.parametrize("package", BASE)
def test_every_package_of_the_base_is_imported_by_it(package: str) -> None:
    """One that isn't belongs into an extra, or nowhere."""
    if package in TAKEN_BY:
        taker = Path(__import__(TAKEN_BY[package], fromlist=["x"]).__file__ or "")
        assert modules(package) & names(ast.parse(taker.read_text("utf-8")))
    else:
        assert modules(package) & imported()


def test_a_package_that_nobody_imports_is_seen() -> None:
    assert modules("pytest")
    assert not modules("pytest") & imported()


def test_no_remedy_asks_an_index_for_wince():
    """Wince is on no package index, and another package might take its name there."""
    asked = re.compile(r"pip install [^\n`]*\bwince\[")
    texts = [*SOURCE.rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    assert [str(path.relative_to(ROOT)) for path in texts if asked.search(path.read_text("utf-8"))] == []
