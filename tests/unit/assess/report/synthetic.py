"""Made-up results for the report: no model, no video, every feature of a page once."""

from __future__ import annotations

import io
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from PIL import Image, ImageDraw

from wince.assess.result import ClipResult, FrameRow, KeyFrame, Reading
from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.reason import Reason
from wince.protocols.loader import load
from wince.protocols.rules import ClinicalProtocol

US = 1_000_000
PROTOCOL: ClinicalProtocol = load("activity")
NOTHING = (None,) * 6


def score_at(time_s: float) -> float:
    return 0.6 + 0.3 * math.sin(time_s * 3) + 9.5 * math.exp(-(((time_s - 9) / 2.2) ** 2))


def frame(time_s: float, reason: Reason | None = None) -> FrameRow:
    if reason is not None:
        return FrameRow(time_s, False, reason, None, None, None, NOTHING, None, None, None)
    score = score_at(time_s)
    units = (min(5.0, score / 3), None, min(5.0, score / 2.5), None, min(5.0, score / 4), float(score > 6))
    return FrameRow(time_s, True, None, score, PROTOCOL.scale.grade(score), 0.81, units, 3.0, -2.0, 1.0)


def picture(width: int = 640, height: int = 480) -> bytes:
    image = Image.new("RGB", (width, height), "#6d7f8f")
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.3, height * 0.2, width * 0.7, height * 0.9), fill="#c9a08a")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def landmarks(width: int = 640, height: int = 480, count: int = 478) -> np.ndarray:
    turn = np.linspace(0, 40 * math.pi, count)
    radius = np.linspace(0.02, 0.2, count)
    return np.stack([width / 2 + width * radius * np.cos(turn), height * 0.55 + height * 1.6 * radius * np.sin(turn)], 1).astype(np.float32)


def window(start: int, grade: int | None, reason: Reason | None = None) -> Assessment:
    name = PROTOCOL.scale.name_of(grade)
    values = (4.1, 9.8, 1.0, 0.8) if grade is not None else (None, None, 0.2, None)
    return Assessment(
        uuid5(NAMESPACE_URL, str(start)), "s", "activity", start * US, (start + 5) * US, grade, name, *values, reason, 25,
        {} if reason is None else {reason: 20}, (1.0, None, 2.0, None, 0.5, 0.0), False, "m" * 64, "r" * 64,
    )  # fmt: skip


def clip(name: str = "bed 1.mp4", *, dark: tuple[float, float] = (14.0, 19.0), seconds: float = 30.0, **changes: object) -> ClipResult:
    """Thirty seconds: calm, a high stretch with an alert, then dark, a turned face, calm."""
    frames = tuple(
        frame(t, Reason.DARK if dark[0] <= t < dark[1] else Reason.TURNED if dark[1] <= t < dark[1] + 1 else None)
        for t in (i / 5 for i in range(round(seconds * 5)))
    )
    reasons = dict(Counter(row.reason for row in frames if row.reason is not None))
    share = sum(row.assessable for row in frames) / len(frames) if frames else 0.0
    some = uuid5(NAMESPACE_URL, "window")
    found = ClipResult(
        path=Path("/data") / name, source="ab12" * 16, still=False, protocol="activity", rule="c0de" * 16, model_set="face" * 16,
        duration_s=seconds, frames=frames,
        assessments=(window(0, 0), window(5, 2), window(10, 2), window(15, None, Reason.DARK), window(20, 1), window(25, 0)),
        alerts=(Alert(uuid5(NAMESPACE_URL, "alert"), some, "s", "activity", round(7.2 * US), round(11.4 * US), 2, "high", 9.8),),
        questions=(Question(uuid5(NAMESPACE_URL, "question"), some, "s", "activity", 20 * US, 23 * US, Reason.UNCERTAIN),),
        plain=Reading(0, "quiet", 2, "high", {"quiet": 14.6, "low": 2.2, "high": 4.4}, 0.8, 9.8, 0.81), personal=None,
        assessable_share=share,
        reasons=reasons, faces=1,
        key_frames=tuple(
            KeyFrame(t, picture(), landmarks(), PROTOCOL.scale.grade(score_at(t)), score_at(t)) for t in (1.2, 7.4, 9.0, 11.8)
        ),
        notes=("dim for a sixth of its length",),
    )  # fmt: skip
    return replace(found, **changes)  # type: ignore[arg-type]


def personal(**changes: object) -> ClipResult:
    return clip(personal=Reading(2, "high", 2, "high", {"quiet": 6.0, "high": 9.1}, 3.9, 11.2, 0.85), **changes)  # type: ignore[arg-type]


def unassessable(name: str = "night.mp4") -> ClipResult:
    nothing = Reading(None, "", None, "", {}, None, None, None)
    frames = tuple(frame(i / 5, Reason.DARK if i % 3 else Reason.NONE) for i in range(100))
    return clip(
        name, source="99" * 32, seconds=20.0, frames=frames, plain=nothing, alerts=(), questions=(), key_frames=(), notes=(),
        assessable_share=0.0, reasons=dict(Counter(row.reason for row in frames)),
        assessments=tuple(window(s, None, Reason.DARK) for s in (0, 5, 10, 15)), faces=0,
    )  # fmt: skip


def still(name: str = "face.png") -> ClipResult:
    row = frame(9.0)
    row = replace(row, time_s=0.0)
    key = KeyFrame(0.0, picture(480, 640), landmarks(480, 640), row.grade, row.score)
    return clip(
        name, source="77" * 32, seconds=0.0, still=True, frames=(row,), alerts=(),
        plain=Reading(2, "high", 2, "high", {}, row.score, row.score, 0.81),
        questions=(), assessments=(), key_frames=(key,), notes=(), assessable_share=1.0, reasons={},
    )  # fmt: skip


def failed(name: str = "notes.txt") -> ClipResult:
    nothing = Reading(None, "", None, "", {}, None, None, None)
    return clip(
        name, source="", seconds=0.0, frames=(), plain=nothing, alerts=(), questions=(), assessments=(), key_frames=(), notes=(),
        assessable_share=0.0, reasons={}, faces=0, error="not a video or picture\n  remedy: name an mp4",
    )  # fmt: skip
