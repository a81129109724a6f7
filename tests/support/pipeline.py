"""The road from a clip to its grades in one process: capture, detect, estimate, grade, folded directly."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.face_models import face_models
from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.face import Face
from wince.domain.frame import US
from wince.domain.ids import site_namespace
from wince.pipeline.capture.file import FileSource
from wince.pipeline.detect import stage as detect
from wince.pipeline.detect.interface import Cut
from wince.pipeline.detect.patient import Share
from wince.pipeline.estimate import stage as estimate
from wince.pipeline.grade import stage as grade
from wince.protocols.loader import load
from wince.serve import scoring

Graded = tuple[list[Assessment], list[Alert], list[Question], list[Face]]
PAIN = 4.0
"""PSPI from which an interval of the truth is a pain episode."""


@cache
def grade_clip(path: Path, protocol: str = "activity", region: Share | None = None) -> Graded:
    """Assessments, alerts, questions and faces of a clip, with the protocol's defaults, on media time.

    `region`: the bed's, as shares of the picture. Skips the calling test where the face models can't be had.
    """
    rules = load(protocol)
    models, scorer = face_models(rules.detect.full_range), scoring.scorer(rules)
    setup = grade.Setup(rules, site_namespace("test"), scoring.personal(rules))
    seen, scored, graded = detect.SourceState(), estimate.State(), grade.begin("clip", setup)
    out: Graded = ([], [], [], [])
    for message in FileSource(path, "clip", rate_hz=rules.detect.rate_hz):
        seen, faces = detect.step(seen, [message], message.time_us, models, [Cut(rules.detect)], region=region)
        scored, estimates = estimate.step(scored, faces, message.time_us, scorer, round(rules.estimate.max_age_s * US))
        graded, events = grade.step(graded, estimates)
        out[3].extend(face for face in faces if isinstance(face, Face))
        for event in events:
            out[(Assessment, Alert, Question).index(type(event))].append(event)  # type: ignore[arg-type]
    return out


@dataclass(frozen=True, slots=True)
class Truth:
    """The patient's rows of a clip's truth table."""

    rows: tuple[dict[str, str], ...]

    def at(self, time_us: int) -> dict[str, str]:
        """The row of that moment (10 rows a second)."""
        return self.rows[min(len(self.rows) - 1, round(time_us / 100_000))]

    def episodes(self) -> list[tuple[float, float]]:
        """[start, end) seconds of the runs with PSPI >= 4."""
        runs: list[tuple[float, float]] = []
        for row in self.rows:
            time = float(row["time"])
            if float(row["pspi"]) < PAIN:
                continue
            if runs and abs(runs[-1][1] - time) < 0.05:
                runs[-1] = (runs[-1][0], round(time + 0.1, 1))
            else:
                runs.append((time, round(time + 0.1, 1)))
        return runs


def truth(clip: Path) -> Truth:
    """The truth beside a clip; the patient is person 0."""
    with clip.with_suffix(".csv").open(newline="") as file:
        return Truth(tuple(row for row in csv.DictReader(file) if row["person"] == "0"))


def overlaps(alert: Alert, episode: tuple[float, float]) -> bool:
    """Whether an alert's run and an episode share a moment."""
    return alert.start_us < episode[1] * US and alert.end_us > episode[0] * US
