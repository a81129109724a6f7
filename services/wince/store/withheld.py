"""The SQL of who must not be watched (domain/withheld.py). Every function works inside the caller's transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID, uuid4

from wince.domain.census import Kind
from wince.domain.stay import Identifier, Stay
from wince.domain.withheld import Consent, Scope, Switch, Withheld
from wince.store import aliases, reviews, scope
from wince.store.audit import Fact, append
from wince.store.database import Tx
from wince.store.plain import dump

_SWITCH = "SELECT id, scope, name, off_us, on_us, reason, by FROM switch"
_CONSENT = "SELECT subject, system, value, given, from_us, nurse FROM consent"
SCOPES = tuple(Scope)
_KINDS = {"encounter": Kind.VISIT, "patient": Kind.PERSON}

BED_IS_OFF = (
    "EXISTS (SELECT FROM switch s WHERE s.on_us IS NULL AND (s.scope = 'site' OR (s.scope = 'bed' AND s.name = {bed})"
    " OR (s.scope = 'ward' AND s.name = split_part({bed}, '^', 1))))"
)
"""SQL: whether a bed is switched off now."""


def withheld(tx: Tx, stays: Iterable[Stay], from_us: int, *, required: bool) -> Withheld:
    """What forbids watching these patients from a moment on. The same number of statements for one and for hundreds."""
    lying = list(stays)
    switches = [_switch(row) for row in tx.execute((_SWITCH + " WHERE on_us IS NULL OR on_us > %s").encode(), (from_us,)).fetchall()]
    asked: dict[tuple[str, str, str], list[Identifier]] = defaultdict(list)
    merged = aliases.merged(tx)
    for what, of in (("encounter", {stay.encounter for stay in lying}), ("patient", {stay.patient for stay in lying})):
        numbers = aliases.numbers_of(tx, _KINDS[what], of) if merged else {one: [one] for one in of}
        for one, together in numbers.items():
            for number in together:
                asked[what, number.system, number.value].append(one)
    said: list[Consent] = []
    if asked:
        subjects, systems, values = zip(*sorted(asked), strict=True)
        of_them = " WHERE (subject, system, value) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[])) ORDER BY seq"
        found = tx.execute((_CONSENT + of_them).encode(), (list(subjects), list(systems), list(values))).fetchall()
        # Said under a number that was merged since, it is said of every stay of that person, whichever number that stay is kept under.
        said = [replace(_consent(row), identifier=one) for row in found for one in asked[row[:3]]]
    return Withheld(switches, said, required)


def off(tx: Tx) -> list[Switch]:
    """What is switched off, the widest first."""
    found = [_switch(row) for row in tx.execute((_SWITCH + " WHERE on_us IS NULL").encode()).fetchall()]
    return sorted(found, key=lambda one: (SCOPES.index(one.scope), one.name))


def switches(tx: Tx, limit: int = 1000) -> list[Switch]:
    """Everything that ever was switched off, latest first."""
    return [_switch(row) for row in tx.execute((_SWITCH + " ORDER BY off_us DESC, id LIMIT %s").encode(), (limit,)).fetchall()]


def switch_off(tx: Tx, scope: Scope, name: str, reason: str, by: str, now_us: int) -> Switch:
    """Switch off; what is off already stays as it is. Audited."""
    made = Switch(uuid4(), scope, name, now_us, None, reason, by)
    new = tx.execute(
        "INSERT INTO switch(id, scope, name, off_us, reason, by) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (scope, name) WHERE on_us IS NULL DO NOTHING RETURNING id",
        (made.id, scope.value, name, now_us, reason, by),
    ).fetchone()
    if new is None:
        row = tx.execute((_SWITCH + " WHERE on_us IS NULL AND scope = %s AND name = %s").encode(), (scope.value, name)).fetchone()
        return _switch(row) if row else made
    append(tx, [Fact(made.id, 1, "switch.off", 1, dump(made))], now_us)
    return made


def switch_on(tx: Tx, scope: Scope, name: str, reason: str, by: str, now_us: int) -> Switch | None:
    """Switch on again; None where it is not off. Audited."""
    row = tx.execute(
        "UPDATE switch SET on_us = greatest(%s, off_us) WHERE on_us IS NULL AND scope = %s AND name = %s"
        " RETURNING id, scope, name, off_us, on_us, reason, by",
        (now_us, scope.value, name),
    ).fetchone()
    if row is None:
        return None
    found = _switch(row)
    append(tx, [Fact(found.id, 1, "switch.on", 1, dump({"scope": scope.value, "name": name, "reason": reason, "by": by}))], now_us)
    return found


def places(tx: Tx) -> list[str]:
    """Beds that a camera ever watched, by name."""
    return [bed for (bed,) in tx.execute("SELECT DISTINCT bed FROM watch ORDER BY bed").fetchall()]


def say(tx: Tx, consent: Consent, identity: UUID, caller: str, now_us: int) -> bool:
    """Write down what a patient said; False where the same was said last. Audited; record looks again at his beds from then on."""
    row = tx.execute(
        (_CONSENT + " WHERE subject = %s AND system = %s AND value = %s ORDER BY seq DESC LIMIT 1").encode(),
        (consent.subject, consent.identifier.system, consent.identifier.value),
    ).fetchone()
    if row and (before := _consent(row)).given == consent.given and before.from_us <= consent.from_us:
        return False
    who, said = consent.identifier, (consent.given, consent.from_us, now_us, consent.nurse)
    tx.execute(
        "INSERT INTO consent(id, subject, system, value, given, from_us, recorded_us, nurse) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (identity, consent.subject, who.system, who.value, *said),
    )
    if beds := [bed for bed, _, _ in aliases.spans_of(tx, _KINDS[consent.subject], [who])[who]]:
        reviews.ask(tx, beds=beds, from_us=consent.from_us, why="consent")
    event = "consent.given" if consent.given else "consent.refused"
    append(tx, [Fact(identity, 1, event, 1, dump({"consent": consent, "caller": caller}))], now_us)
    return True


def consents(tx: Tx, limit: int = 100, before: int | None = None) -> list[tuple[int, Consent]]:
    """(number, consent): the latest of each encounter and patient, the latest first. `before`: only those of a lower number."""
    columns = "subject, system, value, given, from_us, nurse"
    found = tx.execute(
        f"SELECT seq, {columns} FROM (SELECT DISTINCT ON (subject, system, value) seq, {columns} FROM consent"
        " ORDER BY subject, system, value, seq DESC) latest WHERE %s::bigint IS NULL OR seq < %s ORDER BY seq DESC LIMIT %s".encode(),
        (before, before, limit),
    ).fetchall()
    return [(number, _consent(tuple(row))) for number, *row in found]


def patients(tx: Tx, number: str, system: str | None) -> list[Identifier]:
    """The known patients that a record number may mean, by the numbers that stand now."""
    found = tx.execute(
        "SELECT DISTINCT patient_system, patient FROM stay WHERE patient = %s AND (%s::text IS NULL OR patient_system = %s)",
        (number, system, system),
    ).fetchall()
    return scope.standing(tx, Kind.PERSON, [Identifier(*row) for row in found])


def _switch(row: tuple[object, ...]) -> Switch:
    identity, scope, name, off_us, on_us, reason, by = row
    return Switch(identity, Scope(scope), name, off_us, on_us, reason, by)  # type: ignore[arg-type]


def _consent(row: tuple[object, ...]) -> Consent:
    subject, system, value, given, from_us, nurse = row
    return Consent(subject, Identifier(system, value), given, from_us, nurse)  # type: ignore[arg-type]
