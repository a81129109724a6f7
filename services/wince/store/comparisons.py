"""Lists from outside that were compared with what is believed, and how the newest of them differs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from wince.domain.census import Kind
from wince.domain.outside import CensusList, Compared, Differing, Listed
from wince.domain.stay import Identifier, Stay
from wince.store import aliases, plain
from wince.store.audit import append
from wince.store.database import Tx
from wince.store.stays import lying_at
from wince.store.trust import fact


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison, without whom it is about."""

    at_us: int
    """When it was made, microseconds UTC."""
    origin: str
    """csv or fhir."""
    moment_us: int | None
    """The list's own moment; None: there was no list."""
    agreed: int
    newer: int
    """Visits of which the hospital's messages spoke after the list's moment."""
    bad: int
    """Rows of the list that couldn't be used."""
    differing: int
    contradicting: int
    """Of these, those that a person must decide."""
    failure: str
    """Why there is no list, or why it isn't believed, in our own words; empty: there is one."""


def what_is_known(tx: Tx, found: CensusList) -> tuple[CensusList, list[Stay], dict[Identifier, int]]:
    """(the list, stays that are believed at its moment, when the hospital last spoke of each visit of both), with the numbers that stand
    now: a list may know a patient under one that the hospital gave up."""
    stays = lying_at(tx, found.moment_us)
    every: list[Listed | Stay] = [*found.rows, *stays]
    visits = aliases.survivors(tx, Kind.VISIT, {one.encounter for one in every})
    persons = aliases.survivors(tx, Kind.PERSON, {one.patient for one in every})
    under = {number: stands for stands in set(visits.values()) for number in aliases.numbers(tx, Kind.VISIT, stands)}
    rows = tx.execute(
        "SELECT encounter_system, encounter, max((body::jsonb->>'known_us')::bigint) FROM movement"
        " WHERE (encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[])) GROUP BY 1, 2",
        aliases.arrays(list(under)),
    ).fetchall()
    heard: dict[Identifier, int] = {}
    for system, value, known_us in rows:
        stands = under[Identifier(system, value)]
        heard[stands] = max(known_us, heard.get(stands, known_us))
    listed = tuple(replace(row, patient=persons[row.patient], encounter=visits[row.encounter]) for row in found.rows)
    lying = [replace(stay, patient=persons[stay.patient], encounter=visits[stay.encounter]) for stay in stays]
    return replace(found, rows=tuple(dict.fromkeys(listed))), lying, heard


def keep(tx: Tx, origin: str, found: CensusList | None, compared: Compared | None, failure: str, now_us: int) -> None:
    """Keeps a comparison, or why there is none; the differences of those before it go. Audited."""
    differing = compared.differing if compared else ()
    row = tx.execute(
        "INSERT INTO comparison(at_us, moment_us, origin, agreed, newer, bad, failure) VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (
            now_us,
            found.moment_us if found else None,
            origin,
            compared.agreed if compared else 0,
            compared.newer if compared else 0,
            len(found.bad) if found else 0,
            failure,
        ),
    ).fetchone()
    assert row is not None
    if compared is not None and not failure:
        tx.execute("DELETE FROM difference")
        with tx.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO difference(comparison, kind, bed, body) VALUES (%s, %s, %s, %s)",
                [(row[0], one.kind.value, one.bed, plain.dump(one)) for one in differing],
            )
    said = [f"{one.kind.value} {one.bed}" for one in differing]
    append(tx, [fact("census.compared", origin=origin, agreed=compared.agreed if compared else 0, differing=said, failure=failure)], now_us)


def latest(tx: Tx) -> Comparison | None:
    """The newest comparison; None: there was none."""
    row = tx.execute(
        "SELECT at_us, origin, moment_us, agreed, newer, bad, (SELECT count(*) FROM difference),"
        " (SELECT count(*) FROM difference WHERE kind <> 'missing_here'), failure FROM comparison ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return None if row is None else Comparison(*row)


def differing(tx: Tx) -> list[Differing]:
    """How the newest list that could be compared differs, by bed. PHI."""
    return [plain.load(Differing, body) for (body,) in tx.execute("SELECT body FROM difference ORDER BY bed").fetchall()]


def signature(one: Differing) -> str:
    """Names a difference: the same visits in the same beds, whenever it is seen."""
    return plain.dump([one.kind, one.bed, _visits(one.listed), _visits(one.believed)])


def _visits(rows: Iterable[object]) -> list[list[str]]:
    return sorted(
        [row.bed, row.encounter.system, row.encounter.value, row.patient.value]  # type: ignore[attr-defined]
        for row in rows
    )


def load_wanted(tx: Tx) -> bool:
    """Whether the census is still to be taken from the source: it was empty when a source was set for the first time, and no load was
    finished since."""
    tx.execute(
        "INSERT INTO census_load(wanted) SELECT NOT EXISTS (SELECT FROM movement) AND NOT EXISTS (SELECT FROM stay) ON CONFLICT DO NOTHING"
    )
    return tx.execute("SELECT wanted FROM census_load").fetchone() == (True,)


def loaded(tx: Tx) -> None:
    """A load is finished."""
    tx.execute("INSERT INTO census_load(wanted) VALUES (false) ON CONFLICT (one) DO UPDATE SET wanted = false")
