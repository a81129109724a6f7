"""Pieces of SQL by which rows are found for a bed or an encounter."""

from __future__ import annotations

from collections.abc import Iterable

from wince.domain.census import Kind
from wince.domain.stay import Identifier
from wince.store import aliases
from wince.store.database import Tx


def watched_bed(table: str, at: str = "start_us") -> str:
    """SQL: the bed that a row's camera watched, as it is known now. `table`: the row's name in the query; `at`: which of its moments."""
    return (
        f"(SELECT w.bed FROM watch w WHERE w.source = {table}.source AND w.start_us <= {table}.{at}"
        f" AND (w.end_us IS NULL OR w.end_us > {table}.{at}) ORDER BY w.recorded_us DESC, w.start_us DESC LIMIT 1)"
    )


def in_bed(table: str, at: str = "start_us") -> str:
    """SQL condition with two parameters, both the bed. `at`: see `watched_bed`."""
    return f"({table}.source IN (SELECT source FROM watch WHERE bed = %s) AND {watched_bed(table, at)} = %s)"


def in_ward(table: str, at: str = "start_us") -> str:
    """SQL condition with two parameters, both the ward: what stands before the bed's first ^. `at`: see `watched_bed`."""
    sources = "SELECT source FROM watch WHERE split_part(bed, '^', 1) = %s"
    return f"({table}.source IN ({sources}) AND split_part({watched_bed(table, at)}, '^', 1) = %s)"


def sources_of(kind: str) -> str | None:
    """SQL with one parameter, the bed or the ward: the sources that ever watched there, each once; None for another kind of scope."""
    where = {"bed": "bed = %s", "ward": "split_part(bed, '^', 1) = %s"}.get(kind)
    return None if where is None else f"SELECT DISTINCT source FROM watch WHERE {where}"


def of_encounter(table: str) -> str:
    """SQL condition with three parameters: number, authority or null, the same again."""
    return f"({table}.stay IN (SELECT id FROM stay WHERE encounter = %s AND (%s::text IS NULL OR encounter_system = %s)))"


def split(encounter: str) -> tuple[str, str | None]:
    """(visit number, assigning authority or None) of "number" or "authority|number".

    >>> split("urn:wince:authority:HOSP|4711")
    ('4711', 'urn:wince:authority:HOSP')
    """
    system, bar, number = encounter.rpartition("|")
    return (number, system) if bar else (encounter, None)


def encounters(tx: Tx, encounter: str) -> list[Identifier]:
    """The known encounters that a caller may mean, by the numbers that stand now; more than one where two authorities use the number."""
    number, system = split(encounter)
    found = tx.execute(
        "SELECT encounter_system, encounter FROM stay WHERE encounter = %s AND (%s::text IS NULL OR encounter_system = %s)"
        " AND superseded_us IS NULL"
        " UNION SELECT old_system, old FROM alias WHERE kind = 'visit' AND old = %s AND (%s::text IS NULL OR old_system = %s)",
        (number, system, system) * 2,
    ).fetchall()
    return standing(tx, Kind.VISIT, [Identifier(*row) for row in found])


def standing(tx: Tx, kind: Kind, identifiers: Iterable[Identifier]) -> list[Identifier]:
    """The numbers that stand for these now, each once."""
    return sorted(set(aliases.survivors(tx, kind, identifiers).values()), key=lambda one: (one.system, one.value))


def bed_is_known(tx: Tx, bed: str) -> bool:
    """Whether a camera ever watched it or anybody ever lay in it."""
    row = tx.execute("SELECT EXISTS (SELECT FROM watch WHERE bed = %s) OR EXISTS (SELECT FROM stay WHERE bed = %s)", (bed, bed)).fetchone()
    return bool(row and row[0])
