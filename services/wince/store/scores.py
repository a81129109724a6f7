"""Self-reports and nurses' own scores (domain/score.py): the port by which any feed gives them. SQL inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from wince.domain.census import Kind
from wince.domain.ids import ROOT, make
from wince.domain.score import Score
from wince.domain.stay import Identifier
from wince.store import aliases, reviews
from wince.store.audit import Fact, append
from wince.store.database import Tx
from wince.store.plain import dump

_COLUMNS = "id, reference, patient_system, patient, encounter_system, encounter, at_us, code, value"

VisitMoment = tuple[Identifier, int]
"""(visit, when somebody scored, microseconds UTC)."""


def score_id(feed: str, reference: str) -> UUID:
    """One score of one feed has one id, however often it is read."""
    return make(ROOT, "score", feed, reference)


def day(at_us: int) -> str:
    """Its date, UTC, as a FHIR search takes it.

    >>> day(0)
    '1970-01-01'
    """
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).date().isoformat()


def keep(tx: Tx, scores: Iterable[Score], now_us: int, valid_us: int) -> int:
    """Keep those that are new; how many they are. Audited; record looks again at what was charted of the time in which each counts."""
    facts: list[Fact] = []
    spans: list[VisitMoment] = []
    for one in scores:
        new = tx.execute(
            f"INSERT INTO score({_COLUMNS}, recorded_us) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
            " RETURNING id".encode(),
            (
                one.id,
                one.reference,
                one.patient.system,
                one.patient.value,
                one.encounter.system,
                one.encounter.value,
                one.at_us,
                one.code,
                one.value,
                now_us,
            ),
        ).fetchone()
        if new:
            facts.append(Fact(one.id, 1, "score", 1, dump(one)))
            spans.append((one.encounter, one.at_us))
    look_again(tx, spans, valid_us)
    if facts:
        append(tx, facts, now_us)
    return len(facts)


def void(tx: Tx, ids: Iterable[UUID], now_us: int, valid_us: int) -> int:
    """They were withdrawn where they came from; how many of them stood. Audited, and looked at again, as in `keep`."""
    found = tx.execute(
        "UPDATE score SET void = true WHERE id = ANY(%s) AND NOT void RETURNING id, encounter_system, encounter, at_us", (list(ids),)
    ).fetchall()
    if found:
        look_again(tx, [(Identifier(system, value), at_us) for _, system, value, at_us in found], valid_us)
        append(tx, [Fact(row[0], 1, "score.void", 1, "") for row in found], now_us)
    return len(found)


def look_again(tx: Tx, spoken: Sequence[VisitMoment], valid_us: int) -> None:
    """Have record look again at these visits' beds while what was said, or is not said any more, outranks the model."""
    if not spoken:
        return
    stays = aliases.spans_of(tx, Kind.VISIT, {visit for visit, _ in spoken})
    found = {
        (bed, max(start_us, at_us), at_us + valid_us if end_us is None else min(end_us, at_us + valid_us))
        for visit, at_us in spoken
        for bed, start_us, end_us in stays[visit]
    }
    reviews.ask_of_beds(tx, sorted(found), "score")


def of_encounters(tx: Tx, encounters: Iterable[Identifier], from_us: int, to_us: int) -> list[Score]:
    """Those of these encounters that were said in [from, to), in order of time."""
    pairs = sorted({(one.system, one.value) for one in encounters})
    if not pairs:
        return []
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM score WHERE NOT void AND at_us >= %s AND at_us < %s"
        " AND (encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY at_us, id".encode(),
        (from_us, to_us, [system for system, _ in pairs], [value for _, value in pairs]),
    ).fetchall()
    return [Score(row[0], row[1], Identifier(row[2], row[3]), Identifier(row[4], row[5]), *row[6:]) for row in rows]
