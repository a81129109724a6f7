"""What nurses answered about windows, as grade must know it when it begins a source, or be told when it was decided here."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from wince.api.care.v1 import care_pb2
from wince.codec.care import verdict_from_message
from wince.domain.assessment import Verdict
from wince.domain.care import Answer
from wince.store.database import Tx


def answer(source: str, verdict: Verdict) -> Answer:
    """What of a verdict on a window of that camera grade heeds. The lowest grade of every scale says that there was no pain."""
    return Answer(source, verdict.assessment, verdict.grade == 0, verdict.at_us)


def given(tx: Tx, source: str, windows: Sequence[UUID]) -> list[Answer]:
    """Answers about these windows of a camera that are in the record, in order of time."""
    rows = tx.execute("SELECT body FROM verdict WHERE assessment = ANY(%s) ORDER BY at_us, id", (list(windows),)).fetchall()
    return [answer(source, verdict_from_message(care_pb2.Verdict.FromString(bytes(body)))) for (body,) in rows]


def source_of(tx: Tx, window: UUID) -> str | None:
    """The camera of a window; None: there is no such window."""
    row = tx.execute("SELECT source FROM assessment WHERE id = %s", (window,)).fetchone()
    return None if row is None else str(row[0])
