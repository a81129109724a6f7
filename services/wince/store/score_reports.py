"""Keeps scores that messages of the hospital report (wince/hospital/results/interface.py, Scores), each message once."""

from __future__ import annotations

from collections.abc import Iterable

from wince import canonical
from wince.domain.census import Kind
from wince.domain.score import Kept, Report, Reported
from wince.store import inbox, locks, scores
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx
from wince.store.inside import Inside
from wince.store.locks import Lock
from wince.store.plain import dump

EVENT = "oru"
"""Of a message's fact in the audit trail, and of its control id in the inbox."""


class PostgresScores:
    """Scores in the database. Thread-safe. `window_us`: as the census has it (`wince.store.stays.PostgresCensus`). `valid_us`: for how long
    a score outranks the model."""

    def __init__(self, database: Database, window_us: int, valid_us: int) -> None:
        self._database, self._window_us, self._valid_us = database, window_us, valid_us

    def take(self, report: Report) -> Kept:
        """See Scores.take."""
        key = report.key
        with self._database.transaction() as tx:
            locks.share(tx, Lock.ALIASES)
            locks.take_each(tx, Lock.STAYS, [f"result {key.application} {key.facility} {key.control_id}"])
            use = inbox.Uses(tx, [key], self._window_us, EVENT).take(key, report.sent_us)
            if use is None:
                return Kept(again=True)
            inside = Inside(tx)
            visits = {one.score.encounter: inside.survivor(Kind.VISIT, one.score.encounter) for one in report.reported}
            known = {visit for visit, stands in visits.items() if inside.movements(stands) or inside.believed(stands)}
            ours = [one for one in report.reported if one.score.encounter in known or not one.stands]
            unknown = sum(one.score.encounter not in known for one in report.reported)
            if not ours:
                return Kept(unknown=unknown)
            inbox.keep(tx, [use], EVENT)
            said = {"notes": report.notes, "scores": [str(one.score.id) for one in ours], "unknown": unknown}
            scores.look_again(tx, [(one.score.encounter, one.score.at_us) for one in ours], self._valid_us)
            facts = [*_revised(tx, ours, report), Fact(inbox.message_id(key, use.number), 1, EVENT, 1, canonical.text(said))]
            append(tx, facts, report.recorded_us)
        return Kept(count=len(ours), unknown=unknown)


def _revised(tx: Tx, reported: Iterable[Reported], report: Report) -> list[Fact]:
    """Keep what was sent last of each; what that changes. In one order, so that no two messages wait for each other."""
    facts = []
    for one in sorted(reported, key=lambda one: one.score.id):  # those of one id stay in the message's order
        score = one.score
        row = tx.execute(
            "INSERT INTO score AS old(id, reference, patient_system, patient, encounter_system, encounter, at_us, code, value, recorded_us,"
            " void, sent_us) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (id) DO UPDATE SET patient_system = excluded.patient_system, patient = excluded.patient, value = excluded.value,"
            " void = excluded.void, recorded_us = excluded.recorded_us, sent_us = excluded.sent_us, revision = old.revision + 1"
            " WHERE old.sent_us <= excluded.sent_us RETURNING revision",
            (
                score.id,
                score.reference,
                score.patient.system,
                score.patient.value,
                score.encounter.system,
                score.encounter.value,
                score.at_us,
                score.code,
                score.value,
                report.recorded_us,
                not one.stands,
                report.sent_us,
            ),
        ).fetchone()
        if row is not None:
            facts.append(Fact(score.id, row[0], "score" if one.stands else "score.void", 1, dump(score) if one.stands else ""))
    return facts
