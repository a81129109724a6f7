"""A list against the census in the database: compared, kept, and what it contradicts put in doubt."""

from __future__ import annotations

from collections import defaultdict

from wince.domain.outside import CensusList, Compared
from wince.domain.stay import Identifier
from wince.hospital.outside.compare import compare, implausible
from wince.store import comparisons, locks, trust
from wince.store.database import Database, Tx
from wince.store.locks import Lock

IMPLAUSIBLE = "it agrees in nothing: is it of another hospital, day or numbering?"


def compared_now(tx: Tx, found: CensusList, grace_us: int) -> tuple[CensusList, Compared]:
    """The list with the numbers that stand now, against what is believed now of its moment."""
    found, stays, heard = comparisons.what_is_known(tx, found)
    return found, compare(found, stays, heard, grace_us=grace_us)


def reconcile(tx: Tx, found: CensusList, now_us: int, grace_us: int, *, believe: bool = False) -> tuple[Compared, str]:
    """Compares, keeps the differences, puts in doubt what contradicts, and ends what doesn't any more. (the comparison, why the list is
    not believed): then nothing is put in doubt. `believe`: a person gave it."""
    locks.take(tx, Lock.TRUST)
    found, compared = compared_now(tx, found, grace_us)
    failure = IMPLAUSIBLE if not believe and implausible(compared) else ""
    comparisons.keep(tx, found.origin, found, compared, failure, now_us)
    if not failure:
        doubt(tx, found, compared, now_us)
    return compared, failure


def agreed(found: CensusList, compared: Compared) -> list[str]:
    """Beds of the list about which it does not differ from what is believed."""
    differing = {bed for one in compared.differing for bed in one.beds}
    return sorted({row.bed for row in found.rows} - differing)


def doubt(tx: Tx, found: CensusList, compared: Compared, now_us: int) -> list[str]:
    """Beds in which somebody is believed and of whom the list contradicts that become doubtful: from when the list says that it is so,
    else from its moment on. Answers those that became so now."""
    listed: dict[str, set[tuple[Identifier, Identifier]]] = defaultdict(set)
    since: dict[str, list[int]] = defaultdict(list)
    for row in found.rows:
        listed[row.bed].add((row.encounter, row.patient))
        since[row.bed].append(found.moment_us if row.since_us is None else row.since_us)
    still: dict[str, set[str]] = defaultdict(set)
    begun = []
    for one in compared.differing:
        if not one.contradicts:
            continue
        named = comparisons.signature(one)
        for stay in one.believed:
            still[stay.bed].add(named)
            from_us = max(stay.start_us, min(since.get(one.bed, [found.moment_us])))
            new = trust.contradict(
                tx, stay.bed, from_us, found.moment_us, now_us, kind=one.kind.value, signature=named, listed=listed.get(stay.bed, set())
            )
            if new:
                begun.append(stay.bed)
    trust.settle(tx, now_us, still=still)
    return begun


def failed(database: Database, origin: str, why: str, now_us: int) -> None:
    """There is no list: kept, so that `wince status` says so."""
    with database.transaction() as tx:
        comparisons.keep(tx, origin, None, None, why, now_us)
