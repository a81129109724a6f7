"""Why it may not be believed who lies where, in the database: the feed's last word, stays that never end, lists that contradict, and
what a person said to it.

What is in doubt stands in `store/doubts.py`, which binding asks. Here stands why, and when it ends. All under one lock: replicas do it
one at a time, and twice is the same as once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from wince import canonical
from wince.domain.binding import covers, in_bed
from wince.domain.census import Kind
from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Stay
from wince.domain.trust import Cause, Feed, InDoubt
from wince.errors import InputError
from wince.store import aliases, doubts, locks, stay_rows
from wince.store.audit import Fact, append
from wince.store.database import Tx
from wince.store.locks import Lock

Lying = tuple[Identifier, Identifier]
"""Who lies in a bed: visit and patient."""

_LATEST = "SELECT max((body::jsonb->>'known_us')::bigint) FROM (SELECT body FROM movement ORDER BY seq DESC LIMIT 1000) m"


def fact(event: str, **said: object) -> Fact:
    """A fact of its own for the audit trail, such as "trust.lost"; what it says may hold PHI."""
    return Fact(uuid4(), 1, event, 1, canonical.text({name: value for name, value in said.items() if value not in (None, "")}))


def heard(tx: Tx, at_us: int) -> None:
    """The hospital said something that it knew at that moment. An earlier one than is known changes nothing."""
    tx.execute(
        "INSERT INTO feed(heard_us) VALUES (%s) ON CONFLICT (one) DO UPDATE SET heard_us = greatest(feed.heard_us, excluded.heard_us)",
        (at_us,),
    )


def begin_feed(tx: Tx, at_us: int) -> None:
    """Who lies where was told otherwise than by the feed, before its first word: its silence counts from then."""
    tx.execute("INSERT INTO feed(heard_us) VALUES (%s) ON CONFLICT DO NOTHING", (at_us,))


def watch_feed(tx: Tx, now_us: int, silent_after_us: int) -> Feed | None:
    """Moves each bed's doubt to where the silence makes it begin: `silent_after_us` after the feed's last word, or after a person's.

    0: no silence makes anything doubtful. None: nothing was ever heard. What changes is audited.
    """
    locks.take(tx, Lock.TRUST)
    row = tx.execute("SELECT heard_us, silent_us FROM feed FOR UPDATE").fetchone()
    if row is None:
        latest = tx.execute(_LATEST).fetchone()
        if latest is None or latest[0] is None:
            return None
        heard(tx, min(latest[0], now_us))  # an installation from before the feed was watched
        row = (min(latest[0], now_us), None)
    heard_us, before_us = row
    late = bool(silent_after_us) and now_us > heard_us + silent_after_us
    silent_us = heard_us + silent_after_us if late else None
    tx.execute(
        "UPDATE feed SET silent_after_us = %s, silent_us = %s WHERE (silent_after_us, silent_us) IS DISTINCT FROM (%s, %s::bigint)",
        (silent_after_us, silent_us, silent_after_us, silent_us),
    )
    if silent_after_us:
        _begin_each(tx, now_us, heard_us + silent_after_us)
        _move_each(tx, now_us, heard_us, silent_after_us)
    else:
        forget_feed(tx)
    changed = (silent_us is None) != (before_us is None)
    if changed:
        event = "trust.returned" if silent_us is None else "trust.lost"
        append(tx, [fact(event, cause=Cause.FEED.value, heard_us=heard_us, from_us=silent_us or before_us)], now_us)
    return Feed(heard_us, silent_after_us, silent_us, changed)


def forget_feed(tx: Tx) -> None:
    """No silence makes anything doubtful: what is replayed has a time of its own, and no feed."""
    for bed, number, from_us in tx.execute("SELECT f.bed, d.id, d.from_us FROM feed_bed f JOIN doubt d ON d.id = f.doubt").fetchall():
        doubts.end(tx, number, from_us)
        tx.execute("DELETE FROM feed_bed WHERE bed = %s", (bed,))
    tx.execute("UPDATE feed SET silent_after_us = 0, silent_us = NULL")


def watch_stays(tx: Tx, now_us: int, after_us: int) -> list[str]:
    """Stays that go on, and of whose visit the hospital said nothing for `after_us` (0: never): their beds become doubtful. Those of
    which it said something since, or which ended, don't stay so. Answers the beds that became so now; audited."""
    locks.take(tx, Lock.TRUST)
    facts = []
    for number, bed, from_us, system, encounter, moment_us, lies in tx.execute(
        "SELECT o.doubt, o.bed, d.from_us, o.encounter_system, o.encounter, o.moment_us, EXISTS (SELECT FROM stay s WHERE s.bed = o.bed"
        " AND (s.encounter_system, s.encounter) = (o.encounter_system, o.encounter) AND s.superseded_us IS NULL AND s.end_us IS NULL)"
        " FROM doubted o JOIN doubt d ON d.id = o.doubt WHERE o.cause = 'stay' AND o.ended_us IS NULL"
    ).fetchall():
        if not after_us or not lies or _spoken(tx, Identifier(system, encounter)) > moment_us:
            doubts.end(tx, number, from_us)
            tx.execute("UPDATE doubted SET ended_us = %s WHERE doubt = %s", (now_us, number))
            facts.append(fact("trust.returned", cause=Cause.STAY.value, bed=bed))
    begun = []
    found = tx.execute(
        "SELECT bed, encounter_system, encounter, start_us, (SELECT c.at_us FROM confirmed c WHERE c.bed = stay.bed)"
        " FROM stay WHERE superseded_us IS NULL AND end_us IS NULL"
        " AND start_us < %s AND NOT EXISTS (SELECT FROM doubted o WHERE o.bed = stay.bed AND o.cause = 'stay' AND o.ended_us IS NULL"
        " AND (o.encounter_system, o.encounter) = (stay.encounter_system, stay.encounter)) ORDER BY bed",
        (now_us - after_us,),
    ).fetchall()
    for bed, system, encounter, start_us, confirmed_us in found if after_us else ():
        known_us = _spoken(tx, Identifier(system, encounter))
        last_us = max(start_us, known_us, confirmed_us or 0)
        if last_us + after_us > now_us:
            continue
        number = doubts.begin(tx, bed, last_us + after_us, Cause.STAY.value)
        tx.execute(
            "INSERT INTO doubted(doubt, bed, cause, encounter_system, encounter, moment_us, made_us)"
            " VALUES (%s, %s, 'stay', %s, %s, %s, %s)",
            (number, bed, system, encounter, known_us, now_us),
        )
        facts.append(fact("trust.lost", cause=Cause.STAY.value, bed=bed, encounter=encounter, from_us=last_us + after_us))
        begun.append(bed)
    if facts:
        append(tx, facts, now_us)
    return begun


def may_have_left(tx: Tx, stay: Stay, at_us: int, known_us: int, now_us: int) -> None:
    """A visit that isn't known ended at a moment, and its patient is believed in this bed under another number: it may be this stay that
    ended. The bed is doubtful from then on, until the hospital says something of the stay's visit, or a person does."""
    locks.take(tx, Lock.TRUST)
    visit = stay.encounter
    from_us, moment_us = max(at_us, stay.start_us), max(known_us, _spoken(tx, visit))
    known = tx.execute(
        "SELECT FROM doubted o JOIN doubt d ON d.id = o.doubt WHERE o.bed = %s AND o.cause = 'stay' AND o.ended_us IS NULL"
        " AND (o.encounter_system, o.encounter) = (%s, %s) AND d.from_us <= %s AND o.moment_us >= %s",
        (stay.bed, visit.system, visit.value, from_us, moment_us),
    ).fetchone()
    if known is not None:  # doubtful since then already, and for as long
        return
    number = doubts.begin(tx, stay.bed, from_us, Cause.STAY.value)
    tx.execute(
        "INSERT INTO doubted(doubt, bed, cause, encounter_system, encounter, moment_us, made_us) VALUES (%s, %s, 'stay', %s, %s, %s, %s)",
        (number, stay.bed, visit.system, visit.value, moment_us, now_us),
    )
    append(tx, [fact("trust.lost", cause=Cause.STAY.value, bed=stay.bed, encounter=visit.value, from_us=from_us)], now_us)


def confirm(tx: Tx, beds: Sequence[str] | None, by: str, now_us: int, *, encounter: Identifier | None = None) -> list[Stay]:
    """A person says that who is believed to lie in these beds (None: in every bed that is doubtful) does lie there. What was in doubt is
    believed again, from its begin on; the feed's silence counts from now. Audited. Answers whom that was.

    `encounter`: whom the person saw in the one bed; without a system its number counts. Raises InputError, and changes nothing, where
    nobody, somebody else or two are believed in one of them.
    """
    locks.take(tx, Lock.TRUST)
    chosen = sorted({one.bed for one in in_doubt(tx, now_us)}) if beds is None else sorted(set(beds))
    found: list[Stay] = []
    facts = []
    for bed in chosen:
        who = in_bed(stay_rows.believed(tx, [bed], now_us, now_us), bed, now_us, _EVER)
        if isinstance(who, Reason):
            if beds is None:  # nothing is charted there either way
                continue
            what = "two patients are believed in it" if who is Reason.TWO_PATIENTS else "nobody is believed in it"
            raise InputError(what, field=f"bed {bed}", remedy="correct it in the hospital's ADT, or `wince census load --overrule`")
        if encounter is not None and encounter not in (who.encounter, replace(who.encounter, system="")):
            raise InputError("another visit is believed in it", field=f"bed {bed}", remedy="look again at who is believed to lie there")
        found.append(who)
        tx.execute(
            "INSERT INTO confirmed(bed, at_us, by) VALUES (%s, %s, %s)"
            " ON CONFLICT (bed) DO UPDATE SET at_us = excluded.at_us, by = excluded.by",
            (bed, now_us, by),
        )
        for number, from_us in tx.execute(
            "SELECT o.doubt, d.from_us FROM doubted o JOIN doubt d ON d.id = o.doubt WHERE o.bed = %s AND o.ended_us IS NULL", (bed,)
        ).fetchall():
            doubts.end(tx, number, from_us)
            tx.execute("UPDATE doubted SET ended_us = %s, ended_by = %s WHERE doubt = %s", (now_us, by, number))
        said = {"by": by, "bed": bed, "stay": str(who.id), "patient": who.patient.value, "encounter": who.encounter.value}
        facts.append(fact("trust.confirmed", **said))
    _move_by_feed(tx, now_us)
    if facts:
        append(tx, facts, now_us)
    return found


def vouched(tx: Tx, beds: Sequence[str], at_us: int, by: str, now_us: int) -> None:
    """A person gave a list of that moment that says of these beds what is believed: the feed's silence counts from then in them."""
    locks.take(tx, Lock.TRUST)
    begin_feed(tx, at_us)
    tx.execute(
        "INSERT INTO confirmed(bed, at_us, by) SELECT bed, %s, %s FROM unnest(%s::text[]) AS bed"
        " ON CONFLICT (bed) DO UPDATE SET at_us = excluded.at_us, by = excluded.by WHERE confirmed.at_us < excluded.at_us",
        (at_us, by, list(beds)),
    )
    _move_by_feed(tx, now_us)


def in_doubt(tx: Tx, at_us: int) -> list[InDoubt]:
    """Beds of which it is not sure at a moment who lies there, by bed; only those in which anybody is believed then."""
    rows = tx.execute(
        "SELECT d.bed, coalesce(o.cause, d.why), d.from_us, coalesce(o.kind, ''), coalesce(o.encounter_system, ''),"
        " coalesce(o.encounter, '')"
        " FROM doubt d LEFT JOIN doubted o ON o.doubt = d.id WHERE d.from_us <= %s AND (d.to_us IS NULL OR d.to_us > %s)"
        " AND EXISTS (SELECT FROM stay s WHERE s.bed = d.bed AND s.superseded_us IS NULL AND s.start_us <= %s"
        " AND (s.end_us IS NULL OR s.end_us > %s)) ORDER BY d.bed, d.from_us, d.id",
        (at_us, at_us, at_us, at_us),
    ).fetchall()
    return [
        InDoubt(bed, Cause(cause), from_us, kind, Identifier(system, value) if value else None)
        for bed, cause, from_us, kind, system, value in rows
        if cause in set(Cause)
    ]


def feed(tx: Tx) -> Feed | None:
    """The feed as it was last looked at; None: nothing was ever heard."""
    row = tx.execute("SELECT heard_us, silent_after_us, silent_us FROM feed").fetchone()
    return None if row is None else Feed(*row)


def contradict(
    tx: Tx, bed: str, from_us: int, moment_us: int, now_us: int, *, kind: str, signature: str, listed: Collection[Lying]
) -> bool:
    """A list that was so at `moment_us` contradicts what is believed of a bed: it is doubtful from `from_us` on, until it is settled.

    `signature`: names the difference; `listed`: whom the list has in the bed. One that is open already, or that a person has looked at,
    changes nothing: False.
    """
    locks.take(tx, Lock.TRUST)
    known = tx.execute(
        "SELECT FROM doubted WHERE bed = %s AND cause = 'census' AND signature = %s AND (ended_us IS NULL OR ended_by <> '')",
        (bed, signature),
    ).fetchone()
    if known is not None:
        return False
    number = doubts.begin(tx, bed, from_us, Cause.CENSUS.value)
    one = next(iter(listed))[0] if len(listed) == 1 else Identifier("", "")
    tx.execute(
        "INSERT INTO doubted(doubt, bed, cause, kind, signature, listed, encounter_system, encounter, moment_us, made_us)"
        " VALUES (%s, %s, 'census', %s, %s, %s, %s, %s, %s, %s)",
        (number, bed, kind, signature, _text(listed), one.system, one.value, moment_us, now_us),
    )
    append(tx, [fact("trust.lost", cause=Cause.CENSUS.value, kind=kind, bed=bed, from_us=from_us)], now_us)
    return True


def settle(tx: Tx, now_us: int, *, still: Mapping[str, set[str]] | None = None) -> list[str]:
    """Ends what lists contradicted, where the hospital's messages have said since what the list said, or a newer list (`still`: by bed
    the signatures of what it contradicts) doesn't contradict any more. Answers the beds; audited.

    Where everybody of whom that was left the bed, it was doubtful until then.
    """
    locks.take(tx, Lock.TRUST)
    settled = []
    for number, bed, from_us, signature, listed, moment_us in tx.execute(
        "SELECT o.doubt, o.bed, d.from_us, o.signature, o.listed, o.moment_us"
        " FROM doubted o JOIN doubt d ON d.id = o.doubt WHERE o.cause = 'census' AND o.ended_us IS NULL ORDER BY o.bed"
    ).fetchall():
        rows = stay_rows.believed(tx, [bed], from_us, now_us)
        then = {(row.encounter, row.patient) for row in rows if covers(row.start_us, row.end_us, moment_us)}
        left = [row.end_us for row in rows if (row.encounter, row.patient) in then]
        visits = aliases.survivors(tx, Kind.VISIT, [visit for visit, _ in then])
        persons = aliases.survivors(tx, Kind.PERSON, [person for _, person in then])
        now = {(visits[visit], persons[person]) for visit, person in then}
        if _text(now) == listed or (still is not None and signature not in still.get(bed, set())):
            to_us = from_us
        elif left and all(end is not None and end <= now_us for end in left):
            to_us = max(end for end in left if end is not None)
        else:
            continue
        doubts.end(tx, number, to_us)
        tx.execute("UPDATE doubted SET ended_us = %s WHERE doubt = %s", (now_us, number))
        settled.append(bed)
    if settled:
        append(tx, [fact("trust.returned", cause=Cause.CENSUS.value, bed=bed) for bed in settled], now_us)
    return settled


def _text(lying: Collection[Lying]) -> str:
    return canonical.text(sorted([visit.system, visit.value, person.system, person.value] for visit, person in lying))


_EVER = 1 << 62
"""As of a moment after every recording."""


def _spoken(tx: Tx, visit: Identifier) -> int:
    """When the hospital last spoke of a visit under any of its numbers; 0: never."""
    row = tx.execute(
        "SELECT max((body::jsonb->>'known_us')::bigint) FROM movement"
        " WHERE (encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        aliases.arrays(aliases.numbers(tx, Kind.VISIT, visit)),
    ).fetchone()
    return row[0] if row is not None and row[0] is not None else 0


def _begin_each(tx: Tx, now_us: int, from_us: int) -> None:
    """Every bed in which anybody is believed has its doubt, in the future while the feed speaks."""
    new = tx.execute(
        "SELECT DISTINCT bed FROM stay WHERE superseded_us IS NULL AND (end_us IS NULL OR end_us > %s)"
        " AND bed NOT IN (SELECT bed FROM feed_bed) ORDER BY bed",
        (now_us,),
    ).fetchall()
    for (bed,) in new:
        number = doubts.begin(tx, bed, from_us, Cause.FEED.value)
        tx.execute("INSERT INTO feed_bed(bed, doubt) VALUES (%s, %s)", (bed, number))


def _move_by_feed(tx: Tx, now_us: int) -> None:
    row = tx.execute("SELECT heard_us, silent_after_us FROM feed").fetchone()
    if row is not None and row[1]:
        _move_each(tx, now_us, *row)


def _move_each(tx: Tx, now_us: int, heard_us: int, silent_after_us: int) -> None:
    rows = tx.execute(
        "SELECT d.id, greatest(%s, coalesce(c.at_us, 0)) + %s FROM feed_bed f JOIN doubt d ON d.id = f.doubt"
        " LEFT JOIN confirmed c ON c.bed = f.bed WHERE d.from_us <> greatest(%s, coalesce(c.at_us, 0)) + %s",
        (heard_us, silent_after_us, heard_us, silent_after_us),
    ).fetchall()
    if rows:
        doubts.move(tx, dict(rows), now_us)
