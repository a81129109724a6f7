"""Advisory locks: one list, no number twice, no lock beside it."""

import ast
from collections import Counter
from pathlib import Path

import wince
from wince.store import locks

ROOT = Path(wince.__file__).parent


def test_no_number_stands_for_two_locks() -> None:
    """Also not as an alias, which an enum would swallow."""
    (listed,) = (node for node in ast.parse(Path(locks.__file__).read_text()).body if isinstance(node, ast.ClassDef))
    numbers = [node.value.value for node in listed.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)]
    assert len(numbers) == len(locks.Lock) > 9
    assert max(Counter(numbers).values()) == 1


def test_every_advisory_lock_is_taken_by_its_name() -> None:
    files = [file for file in ROOT.rglob("*.py") if "pg_advisory" in (text := file.read_text()) or "pg_try_advisory" in text]
    assert files == [Path(locks.__file__)]
