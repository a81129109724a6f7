"""Results as plain values: what `--json` writes, what is kept for the next start, and the rows of `--per-frame`.

Nothing here depends on when, where or how fast something was computed: the same input gives the same bytes.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from wince.assess.result.clip_result import ClipResult
from wince.assess.result.fields import COLUMNS
from wince.assess.result.frame_table import columns
from wince.assess.result.values import FrameRow, KeyFrame, Reading
from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.estimate import UNITS
from wince.domain.frame import US
from wince.domain.reason import Reason
from wince.domain.window_label import window_label
from wince.protocols.rules import ClinicalProtocol
from wince.store import plain
from wince.version import VERSION

T = TypeVar("T")


def document(results: Sequence[ClipResult], passed_over: Sequence[Path], protocol: ClinicalProtocol) -> str:
    """The JSON of a whole call."""
    content = {
        "wince": VERSION,
        "label": protocol.report.label,
        "protocol": {
            "name": protocol.name,
            "title": protocol.title,
            "version": protocol.version,
            "rule": protocol.rule,
            "population": protocol.population.name,
            "scale": protocol.scale.name,
            "grades": [{"name": band.name, "min": band.min} for band in protocol.scale.grades],
        },
        "clips": [clip(result) for result in results],
        "passed_over": [str(path) for path in passed_over],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def clip(result: ClipResult) -> dict[str, Any]:
    """One input, without rows and pictures; times in seconds of media time."""
    best, first = result.reading, result.headline
    return {
        "file": result.path.name,
        "path": str(result.path),
        "source": result.source,
        "error": result.error,
        "still": result.still,
        "duration_s": result.duration_s,
        "headline": {
            "alerts_s": [one.start_us / US for one in first.alerts],
            "highest": None if first.highest is None else _values(first.highest),
            "longest": None if first.longest is None else _values(first.longest),
            "confidence": first.confidence,
        },
        "grade": best.grade,
        "grade_name": best.grade_name,
        "seconds": best.seconds,
        "plain": _values(result.plain),
        "personal": None if result.personal is None else _values(result.personal),
        "assessable_share": result.assessable_share,
        "frames": len(result.frames),
        "reasons": {reason.value: count for reason, count in result.reasons.items()},
        "faces": result.faces,
        "alerts": [_timed(one) for one in result.alerts],
        "questions": [_timed(one) for one in result.questions],
        "windows": [{**_timed(one), "label": window_label(one, result.alerts)} for one in result.assessments],
        "model_set": result.model_set,
        "rule": result.rule,
        "protocol": result.protocol,
        "notes": list(result.notes),
    }


def _values(value: object) -> dict[str, Any]:
    """A dataclass as a dict of plain values, in the order of its fields."""
    loaded: dict[str, Any] = json.loads(plain.dump(value))
    return {name: loaded[name] for name in value.__slots__}  # type: ignore[attr-defined]


def _timed(value: Assessment | Alert | Question) -> dict[str, Any]:
    """Times as seconds, and without what the clip says already."""
    out: dict[str, Any] = {}
    for name, one in _values(value).items():
        if name in ("start_us", "end_us"):
            out[name.replace("_us", "_s")] = one / US
        elif name not in ("source", "protocol", "rule"):
            out[name] = one
    return out


def table(results: Iterable[ClipResult]) -> str:
    """The CSV of `--per-frame`: a row per sampled frame, the columns of `fields.CSV`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        by_name = columns(result.path, result.source, result.frames) | {"time_s": [f"{one.time_s:.3f}" for one in result.frames]}
        writer.writerows(zip(*([_cell(one) for one in values] for values in by_name.values()), strict=True))
    return text.getvalue()


_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Text that begins so is computed by a spreadsheet (OWASP, CSV Injection). Only a file's name can; it is the same file with ./ before."""


def _cell(value: object) -> str:
    """Text as UTF-8 can hold it, none a spreadsheet's formula; numbers with four decimals; empty where there is none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4f}"
    text = os.fsencode(str(value)).decode("utf-8", "replace")
    return f"./{text}" if text.startswith(_FORMULA) else text


KEPT = ("still", "protocol", "rule", "model_set", "duration_s", "assessable_share", "faces", "error")
"""Fields that are kept as they are."""


def keep(result: ClipResult) -> str:
    """All of a result but its path (a file's name may tell a name), as one line of JSON; `restore` reads it."""
    return json.dumps(
        {
            **{name: getattr(result, name) for name in KEPT},
            "frames": [
                [one.time_s, one.reason, one.score, one.grade, one.confidence, *one.units, one.yaw, one.pitch, one.roll]
                for one in result.frames
            ],
            **{name: [json.loads(plain.dump(one)) for one in getattr(result, name)] for name in ("assessments", "alerts", "questions")},
            "plain": _values(result.plain),
            "personal": None if result.personal is None else _values(result.personal),
            "reasons": result.reasons,
            "notes": result.notes,
            "key_frames": [
                [one.time_s, base64.b64encode(one.jpeg).decode(), one.landmarks.tolist(), one.grade, one.score] for one in result.key_frames
            ],
        },
        separators=(",", ":"),
        allow_nan=False,
    )


def restore(text: str, path: Path, source: str) -> ClipResult:
    """What `keep` wrote, for a file with the same content. Raises ValueError, KeyError, TypeError or StoreError where it is damaged."""
    raw = json.loads(text)
    none = Reading(None, "", None, "", {}, None, None, None)
    empty = ClipResult(
        path=path, source=source, **{name: raw[name] for name in KEPT}, frames=tuple(_row(one) for one in raw["frames"]),
        assessments=_all(Assessment, raw["assessments"]), alerts=_all(Alert, raw["alerts"]), questions=_all(Question, raw["questions"]),
        plain=none, personal=None, reasons={Reason(name): count for name, count in raw["reasons"].items()}, notes=tuple(raw["notes"]),
    )  # fmt: skip
    pictures = tuple(
        KeyFrame(time_s, base64.b64decode(jpeg), np.array(points, np.float32).reshape(-1, 2), grade, score)
        for time_s, jpeg, points, grade, score in raw["key_frames"]
    )
    personal = None if raw["personal"] is None else Reading(**raw["personal"])
    return replace(empty, plain=Reading(**raw["plain"]), personal=personal, key_frames=pictures)


def _row(values: list[Any]) -> FrameRow:
    time_s, reason, score, grade, confidence, *rest = values
    units, (yaw, pitch, roll) = tuple(rest[: len(UNITS)]), rest[len(UNITS) :]
    return FrameRow(
        time_s, score is not None, None if reason is None else Reason(reason), score, grade, confidence, units, yaw, pitch, roll
    )


def _all(kind: type[T], rows: list[Any]) -> tuple[T, ...]:
    return tuple(plain.load(kind, json.dumps(row)) for row in rows)
