"""The statuses of RPCs as docs/reference/grpc.md shows them: what protos/statuses.py reads in the protos' comments."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import grpc

ROOT = Path(__file__).resolve().parents[2]


def script() -> ModuleType:
    """protos/statuses.py."""
    spec = importlib.util.spec_from_file_location("statuses", ROOT / "protos/statuses.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def documented(service: str, method: str) -> set[grpc.StatusCode]:
    """What a call of an RPC may come back with."""
    found = script()
    names = {"OK", *found.EVERYWHERE, *found.statuses()[service][method]}
    return {code for code in grpc.StatusCode if code.name in names}
