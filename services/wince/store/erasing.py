"""Erasing on purpose: by age, and of one person. SQL inside the caller's transaction; the audit chain stays whole.

A window goes only with what was made of it, an entry only when nothing of it waits for a target, and what the hospital said of a visit only
when no window and no entry of that visit is left: so nothing that is kept can turn out wrong for want of what was erased.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from wince import canonical
from wince.domain.census import Kind
from wince.domain.stay import Identifier
from wince.store import aliases
from wince.store.audit import utc
from wince.store.database import Tx
from wince.store.plain import dump

AT_ONCE = 2000
KEPT = ("erasing", "erased", "checkpoint", "checkpoints_given_up", "undone", "restored")
"""Events whose payload explains what is missing elsewhere, and names nobody: verification needs them as long as the chain."""
_OPEN = "SELECT 1 FROM outbox o WHERE o.entry = e.id AND o.state NOT IN ('written', 'kept')"


def begin(tx: Tx, identity: UUID, at_us: int, what: str, by: str, reason: str) -> None:
    """An erasure; what it erases names it."""
    tx.execute("INSERT INTO erasure(id, at_us, what, by, reason) VALUES (%s, %s, %s, %s, %s)", (identity, at_us, what, by, reason))


def old_entries(tx: Tx, before_us: int) -> list[UUID]:
    """Some entries that ended before a moment and of which nothing waits."""
    rows = tx.execute(
        f"SELECT DISTINCT e.id FROM entry e WHERE e.end_us < %s AND NOT EXISTS ({_OPEN}) LIMIT %s".encode(), (before_us, AT_ONCE)
    ).fetchall()
    return [row[0] for row in rows]


def entries(tx: Tx, ids: Collection[UUID]) -> None:
    """These entries, what was delivered of them, and what targets showed of that."""
    _delivered(tx, ids)
    tx.execute("DELETE FROM entry WHERE id = ANY(%s)", (list(ids),))


def _delivered(tx: Tx, ids: Collection[UUID]) -> None:
    for table in ("outbox", "readback"):
        tx.execute(f"DELETE FROM {table} WHERE entry = ANY(%s)".encode(), (list(ids),))


def old_questions(tx: Tx, before_us: int) -> list[UUID]:
    """Some questions that record asked by itself, of no window: they ended before a moment, are closed, and nothing of them waits."""
    rows = tx.execute(
        "SELECT e.id FROM question e WHERE e.assessment IS NULL AND e.end_us < %s AND e.state <> 'open'"
        f" AND NOT EXISTS ({_OPEN}) LIMIT %s".encode(),
        (before_us, AT_ONCE),
    ).fetchall()
    return [row[0] for row in rows]


def questions(tx: Tx, ids: Collection[UUID]) -> None:
    """These questions, and the tasks that were delivered of them."""
    _delivered(tx, ids)
    tx.execute("DELETE FROM question WHERE id = ANY(%s)", (list(ids),))


def old_windows(tx: Tx, before_us: int) -> list[UUID]:
    """Some windows that ended before a moment, and of which no entry, no open question and no task that waits for a target is left."""
    rows = tx.execute(
        "SELECT a.id FROM assessment a WHERE a.end_us < %s AND NOT EXISTS (SELECT FROM entry e WHERE e.assessment = a.id)"
        f" AND NOT EXISTS (SELECT FROM question e WHERE e.assessment = a.id AND (e.state = 'open' OR EXISTS ({_OPEN}))) LIMIT %s".encode(),
        (before_us, AT_ONCE),
    ).fetchall()
    return [row[0] for row in rows]


def windows(tx: Tx, ids: Collection[UUID]) -> None:
    """These windows, their alerts with who saw them, questions and verdicts."""
    wanted = list(ids)
    tx.execute("DELETE FROM acknowledged WHERE alert IN (SELECT id FROM alert WHERE assessment = ANY(%s))", (wanted,))
    asked = tx.execute("SELECT id FROM question WHERE assessment = ANY(%s)", (wanted,)).fetchall()
    questions(tx, [identity for (identity,) in asked])
    for table in ("verdict", "alert"):
        tx.execute(f"DELETE FROM {table} WHERE assessment = ANY(%s)".encode(), (wanted,))
    tx.execute("DELETE FROM assessment WHERE id = ANY(%s)", (wanted,))


def old_visits(tx: Tx, before_us: int) -> list[Identifier]:
    """Some visits whose every stay ended before a moment, of which nothing was heard since, and no window, entry or question is left. By
    the numbers that stand now: what was said under a number that was given up belongs to its survivor, and goes with it."""
    given_up = [number for number, stands in aliases.every(tx, Kind.VISIT).items() if number != stands]
    rows = tx.execute(
        "SELECT encounter_system, encounter FROM stay s"
        " WHERE (encounter_system, encounter) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
        " GROUP BY encounter_system, encounter"
        " HAVING bool_and(superseded_us IS NOT NULL OR end_us IS NOT NULL) AND max(coalesce(end_us, start_us)) < %s"
        " AND max(recorded_us) < %s AND NOT bool_or(EXISTS (SELECT FROM consent c WHERE c.subject = 'encounter' AND c.recorded_us >= %s"
        " AND c.system = s.encounter_system AND c.value = s.encounter) OR EXISTS (SELECT FROM entry e WHERE e.stay = s.id)"
        " OR EXISTS (SELECT FROM assessment a WHERE a.stay = s.id) OR EXISTS (SELECT FROM question q WHERE q.stay = s.id)) LIMIT %s",
        (*aliases.arrays(given_up), before_us, before_us, before_us, AT_ONCE),
    ).fetchall()
    return [Identifier(*row) for row in rows]


def told_of(tx: Tx, numbers: Sequence[Identifier]) -> list[str]:
    """The messages that said something of these visits, and the stays that were made of it: their ids."""
    where = "(encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
    pairs = aliases.arrays(numbers)
    rows = tx.execute(
        f"SELECT message FROM movement WHERE {where} UNION SELECT message FROM stay WHERE {where} UNION SELECT id FROM stay WHERE {where}"
        .encode(), (*pairs, *pairs, *pairs),
    ).fetchall()  # fmt: skip
    return sorted(str(identity) for (identity,) in rows if identity is not None)


def visits(tx: Tx, of: Sequence[Identifier]) -> int:
    """What the hospital, and lists from outside, said of these visits, under all their numbers; how many movements that were. What of a
    list waits for a person stays."""
    numbers = [number for one in of for number in aliases.numbers(tx, Kind.VISIT, one)]
    pairs = aliases.arrays(numbers)
    where = "(encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
    gone = tx.execute(f"DELETE FROM movement WHERE {where}".encode(), pairs).rowcount
    for table in ("stay", "score"):
        tx.execute(f"DELETE FROM {table} WHERE {where}".encode(), pairs)
    tx.execute(f"DELETE FROM doubted WHERE ended_us IS NOT NULL AND {where}".encode(), pairs)
    ours = where.replace("(encounter_system, encounter)", "(system, value)")
    tx.execute(f"DELETE FROM consent WHERE subject = 'encounter' AND {ours}".encode(), pairs)
    for column in ("old", "new"):
        theirs = where.replace("(encounter_system, encounter)", f"({column}_system, {column})")
        tx.execute(f"DELETE FROM alias WHERE kind = 'visit' AND {theirs}".encode(), pairs)
    return gone


def withdrawn_scores(tx: Tx, before_us: int) -> None:
    """Word that was kept of a score that never came, of a visit that nobody ever spoke of."""
    tx.execute(
        "DELETE FROM score s WHERE void AND recorded_us < %s AND NOT EXISTS (SELECT FROM stay WHERE encounter_system = s.encounter_system"
        " AND encounter = s.encounter) AND NOT EXISTS (SELECT FROM movement WHERE encounter_system = s.encounter_system"
        " AND encounter = s.encounter)",
        (before_us,),
    )


def scores(tx: Tx, of: Sequence[Identifier]) -> None:
    """What these persons said, or nurses scored of them, also under a visit that is another's."""
    where = "(patient_system, patient) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
    tx.execute(f"DELETE FROM score WHERE {where}".encode(), aliases.arrays(of))


def waits_in_a_list(tx: Tx, numbers: Sequence[Identifier]) -> bool:
    """Whether a list from outside has one of these persons in a bed, and nobody has decided it yet."""
    return any(
        tx.execute("SELECT FROM doubted WHERE ended_us IS NULL AND position(%s in listed) > 0", (said,)).fetchone() is not None
        for said in map(_in_a_list, numbers)
    )


def lists(tx: Tx, numbers: Sequence[Identifier]) -> None:
    """What lists from outside said of these persons."""
    for one in numbers:
        tx.execute("DELETE FROM doubted WHERE ended_us IS NOT NULL AND position(%s in listed) > 0", (_in_a_list(one),))
        tx.execute("DELETE FROM difference WHERE position(%s in body) > 0", (dump(one),))


def names(tx: Tx, of: Sequence[Identifier]) -> None:
    """That these persons agreed to be watched, and which numbers of theirs were merged. Refusals stay."""
    pairs = aliases.arrays(of)
    tx.execute(
        "DELETE FROM consent WHERE subject = 'patient' AND given AND (system, value) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        pairs,
    )
    ours = "(old_system, old) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
    tx.execute(f"DELETE FROM alias WHERE kind = 'person' AND {ours}".encode(), pairs)


def _in_a_list(one: Identifier) -> str:
    """How `doubted.listed` names a person: the end of [visit's system, visit, person's system, person] (store/trust.py)."""
    return canonical.text([one.system, one.value])[1:]


def old_payloads(tx: Tx, run: UUID, before_us: int) -> int:
    """Some payloads of links that are older; how many went."""
    return _payloads(tx, run, "a.at_utc < %s AND a.event <> ALL(%s) LIMIT %s", (utc(before_us), list(KEPT), AT_ONCE))


def payloads_of(tx: Tx, run: UUID, ids: Collection[UUID]) -> int:
    """What the trail says about these things; how many payloads went."""
    return _payloads(tx, run, "a.entry = ANY(%s)", (list(ids),)) if ids else 0


def payloads_with(tx: Tx, run: UUID, texts: Sequence[str]) -> int:
    """Payloads in which one of these texts stands; how many went. Reads the whole trail."""
    return sum(_payloads(tx, run, "position(%s in p.payload) > 0", (text,)) for text in texts)


def _payloads(tx: Tx, run: UUID, where: str, arguments: tuple[object, ...]) -> int:
    found = tx.execute(
        f"SELECT p.place FROM audit a JOIN audit_payload p ON p.place = coalesce(a.payload, a.seq) WHERE {where}".encode(), arguments
    ).fetchall()
    places = [place for (place,) in found]
    tx.execute("INSERT INTO audit_erased(place, erasure) SELECT place, %s FROM unnest(%s::bigint[]) AS place", (run, places))
    tx.execute("DELETE FROM audit_payload WHERE place = ANY(%s)", (places,))
    return len(places)


def explained(tx: Tx) -> list[tuple[str, int, int]]:
    """(what, at_us, payloads) of every erasure that erased some, the latest first."""
    rows = tx.execute(
        "SELECT e.what, e.at_us, count(*) FROM erasure e JOIN audit_erased a ON a.erasure = e.id GROUP BY e.id, e.what, e.at_us"
        " ORDER BY e.at_us DESC"
    ).fetchall()
    return [(what, at_us, number) for what, at_us, number in rows]
