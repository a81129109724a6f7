"""What rests of people beside entries, windows and visits: decisions, what folds remember, what notes say. SQL in the caller's transaction.

`erasing.py` says what goes by age and with a person; docs/reference/retention.md lists every table.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from wince.domain.stay import Identifier
from wince.store import aliases
from wince.store.database import Tx

AT_ONCE = 2000


def decisions(tx: Tx, windows: Collection[UUID], questions: Collection[UUID], visits: Sequence[Identifier]) -> list[UUID]:
    """The verdicts about these windows and questions, and what was said of these visits: their ids. Deletes them, also where they are
    still to be told on the bus."""
    found = tx.execute(  # each by its own index; one condition with OR would read the whole table
        "DELETE FROM care_event WHERE id IN (SELECT id FROM care_event WHERE assessment = ANY(%s)"
        " UNION SELECT id FROM care_event WHERE question = ANY(%s)"
        " UNION SELECT id FROM care_event WHERE (encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[])))"
        " RETURNING id",
        (list(windows), list(questions), *aliases.arrays(visits)),
    ).fetchall()
    events = sorted(identity for (identity,) in found)
    tx.execute("DELETE FROM care_outbox WHERE event = ANY(%s)", (events,))
    return events


def old_decisions(tx: Tx, before_us: int) -> int:
    """Some decisions that were written down before a moment and bear on nothing that is kept: verdicts whose window and question are gone,
    and pauses that ended before it, with their early ends. How many went."""
    return _old_events(
        tx,
        before_us,
        "e.kind IN ('verdict', 'pause', 'pause_end') AND CASE e.kind"
        " WHEN 'verdict' THEN NOT EXISTS (SELECT FROM assessment a WHERE a.id = e.assessment)"
        " AND NOT EXISTS (SELECT FROM question q WHERE q.id = e.question) AND NOT EXISTS (SELECT FROM verdict v WHERE v.id = e.id)"
        " WHEN 'pause' THEN e.until_us < %s"
        " ELSE NOT EXISTS (SELECT FROM care_event p WHERE p.id = e.pause) END",
        (before_us,),
    )


def old_patient_states(tx: Tx, before_us: int) -> int:
    """Some states of patients that were written down before a moment, and of whom no visit is kept. How many went."""
    return _old_events(
        tx,
        before_us,
        "e.kind = 'patient_state'"
        " AND NOT EXISTS (SELECT FROM stay s WHERE s.encounter_system = e.encounter_system AND s.encounter = e.encounter)"
        " AND NOT EXISTS (SELECT FROM movement m WHERE m.encounter_system = e.encounter_system AND m.encounter = e.encounter)"
        " AND NOT EXISTS (SELECT FROM alias l WHERE l.kind = 'visit' AND l.old_system = e.encounter_system AND l.old = e.encounter)",
        (),
    )


def _old_events(tx: Tx, before_us: int, where: str, arguments: tuple[object, ...]) -> int:
    found = tx.execute(
        "DELETE FROM care_event WHERE id IN"
        f" (SELECT id FROM care_event e WHERE e.recorded_us < %s AND {where} LIMIT %s) RETURNING id".encode(),
        (before_us, *arguments, AT_ONCE),
    ).fetchall()
    tx.execute("DELETE FROM care_outbox WHERE event = ANY(%s)", ([identity for (identity,) in found],))
    return len(found)


def states(tx: Tx, stays: Collection[UUID]) -> None:
    """What grade and record remember of these stays, such as a calm face, where they were the last before their camera: elsewhere the next
    patient took their place."""
    for stay in map(str, stays):
        tx.execute("DELETE FROM snapshot WHERE position(convert_to(%s, 'UTF8') in state) > 0", (stay,))
        tx.execute("DELETE FROM chart_state WHERE position(%s in body) > 0", (stay,))


def old_states(tx: Tx, before_us: int) -> int:
    """What was remembered of cameras that have shown nothing since a moment; how many states went."""
    gone = tx.execute("DELETE FROM snapshot WHERE closed_until_us < %s RETURNING key", (before_us,)).fetchall()
    charted = tx.execute(
        "DELETE FROM chart_state c WHERE substring(c.body from '\"seen_us\":([0-9]+)')::bigint < %s"
        " AND NOT EXISTS (SELECT FROM snapshot s WHERE s.key = c.source AND s.protocol = c.protocol)",
        (before_us,),
    ).rowcount
    return len(gone) + charted


def sources(tx: Tx, gone: Sequence[str]) -> None:
    """What is remembered of sources that will never show anything again: DICOM objects, whose name is an identifier of the patient."""
    tx.execute("DELETE FROM snapshot WHERE key = ANY(%s)", (list(gone),))
    for table in ("chart_state", "refused_time", "watch"):
        tx.execute(f"DELETE FROM {table} WHERE source = ANY(%s)".encode(), (list(gone),))
    tx.execute(
        "DELETE FROM commitment WHERE EXISTS (SELECT FROM unnest(%s::text[]) AS name WHERE position('\"' || name || '\"' in report) > 0)",
        (list(gone),),
    )


def old_notes(tx: Tx, before_us: int) -> int:
    """Some notes that ended before a moment and on which nothing depends; how many went. Lists that were compared, but for the newest;
    what a person decided of them; cameras whose clock ran ahead; what peers were never told; merged numbers of persons who are gone."""
    compared = tx.execute(
        "DELETE FROM comparison WHERE id IN (SELECT id FROM comparison WHERE at_us < %s AND id < (SELECT max(id) FROM comparison)"
        " AND NOT EXISTS (SELECT FROM difference d WHERE d.comparison = comparison.id) LIMIT %s)",
        (before_us, AT_ONCE),
    ).rowcount
    decided = tx.execute("DELETE FROM doubted WHERE ended_us < %s", (before_us,)).rowcount
    ahead = tx.execute("DELETE FROM refused_time WHERE at_us < %s", (before_us,)).rowcount
    promised = tx.execute("DELETE FROM commitment WHERE asked_us < %s", (before_us,)).rowcount
    return compared + decided + ahead + promised + _old_numbers(tx, before_us)


def _old_numbers(tx: Tx, before_us: int) -> int:
    """Links between numbers of a person are kept while either number is: of a stay, of a consent, or of another link."""
    named = (
        "(SELECT FROM stay s WHERE (s.patient_system, s.patient) IN ((l.old_system, l.old), (l.new_system, l.new)))",
        "(SELECT FROM consent c WHERE (c.system, c.value) IN ((l.old_system, l.old), (l.new_system, l.new)))",
        "(SELECT FROM alias o WHERE o.seq <> l.seq AND o.kind = 'person' AND ((o.old_system, o.old) IN ((l.old_system, l.old),"
        " (l.new_system, l.new)) OR (o.new_system, o.new) IN ((l.old_system, l.old), (l.new_system, l.new))))",
    )
    kept = " AND ".join(f"NOT EXISTS {one}" for one in named)
    return tx.execute(
        "DELETE FROM alias WHERE seq IN (SELECT seq FROM alias l WHERE kind = 'person' AND recorded_us < %s AND known_us < %s"
        f" AND {kept} LIMIT %s)".encode(),
        (before_us, before_us, AT_ONCE),
    ).rowcount
