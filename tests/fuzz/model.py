"""Model files: a small ONNX classifier, an archive's description and a manifest, spoilt in bytes, numbers and nesting.

Allowed: an ensemble that answers probabilities; or a ModelFileError that names the member or the file, and a remedy.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz import protocol, told
from tests.support import classifiers
from wince.errors import ModelFileError
from wince.models.ensemble import Ensemble, Status
from wince.serving import manifest

NAME = "model"
SUITE = 200
CLASSES = 3
CROP = manifest.golden_crops(1)[0]
VALUES: list[Any] = [None, True, -1, 0, 1e400, float("nan"), 2**70, "", "x", "\0", "../../etc/passwd", [], {}, [[1]], "\u202e", "9" * 5000]


@dataclass(frozen=True)
class Case:
    """What is read: an ONNX file or a manifest; its bytes, or how something else is made at its path."""

    what: str
    raw: bytes
    make: Callable[[Path], object] | None = None


def case(chance: random.Random) -> Case:
    """A case of this seed."""
    what = chance.choice(["onnx", "onnx", "manifest"])
    if chance.random() < 0.05:
        return Case(what, b"", chance.choice([protocol._folder, protocol._loop, protocol._dangling, protocol._pipe, protocol._device]))
    if what == "onnx":
        raw = _onnx()
        for _ in range(chance.choice([0, 1, 1, 2])):
            raw = chance.choice([protocol._bytes, _bits, protocol._cut, _twice])(raw, chance)
        return Case(what, raw)
    table = _manifest()
    for _ in range(chance.choice([0, 1, 1, 2])):
        key = chance.choice(sorted(table))
        if chance.random() < 0.3:
            table.pop(key)
        else:
            table[key] = chance.choice(VALUES)
    raw = json.dumps(table).encode()
    if chance.random() < 0.3:
        raw = chance.choice([protocol._bytes, protocol._cut, protocol._accent])(raw, chance)
    return Case(what, b"[" * 100_000 if chance.random() < 0.02 else raw)


def check(one: Case) -> None:
    """Raises AssertionError for numbers that are no probabilities, or an error that names too little."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("member.onnx" if one.what == "onnx" else "set.json")
        if one.make is None:
            path.write_bytes(one.raw)
        else:
            one.make(path)
        try:
            if one.what == "onnx":
                _answers(Ensemble({"member": path}, CLASSES))
            else:
                manifest.read(path)
        except ModelFileError as error:
            told(error.message, error.field if "member" in error.field or str(path) in error.field else "", error.remedy)


def _answers(ensemble: Ensemble) -> None:
    answer = ensemble.answer([CROP, b"no picture"])
    assert answer.status[1] == Status.NOT_JPEG
    if answer.status[0] == Status.OK:
        assert np.isfinite(answer.fused[0]).all()
        assert abs(answer.fused[0].sum() - 1) < 1e-3, answer.fused[0]
    else:
        assert answer.status[0] in (Status.NO_NUMBER, Status.FAILED), answer.status[0]


@cache
def _onnx() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return classifiers.write(Path(folder) / "member.onnx", CLASSES, 5).read_bytes()


def _manifest() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "set.json"
        row = tuple(1 / CLASSES for _ in range(CLASSES))
        manifest.Manifest(
            "icu", "1.0", "ab" * 32, {"member": "cd" * 32}, ("a", "b", "c"), "mean", (), "ef" * 32, (CROP,), {"member": (row,)}
        ).write(file)
        made: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return made


def _bits(raw: bytes, chance: random.Random) -> bytes:
    found = bytearray(raw)
    for _ in range(chance.choice([1, 4, 32])):
        found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    return bytes(found)


def _twice(raw: bytes, chance: random.Random) -> bytes:
    at, long = chance.randrange(len(raw)), chance.randint(1, 500)
    return raw[:at] + raw[at : at + long] * 2 + raw[at + long :]
