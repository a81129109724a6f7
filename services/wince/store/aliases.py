"""Numbers of one person, or of one visit, as the hospital merged them: kept as links, answered as the number that stands now.

Who adds a link has `Lock.ALIASES` alone; who changes stays shares it. So while a message is taken no number changes what it stands for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from wince.domain.aliases import survivors as resolved
from wince.domain.census import Kind, Link
from wince.domain.stay import Identifier
from wince.store import plain, reviews
from wince.store.database import Database, Tx

_COLUMNS = "kind, old_system, old, new_system, new, known_us, recorded_us"
_COLUMNS_OF = {Kind.PERSON: ("patient_system", "patient"), Kind.VISIT: ("encounter_system", "encounter")}
Span = tuple[str, int, int | None]
"""(bed, start_us, end_us or None while it goes on)."""


def add(tx: Tx, links: Sequence[Link], message: UUID) -> None:
    """Keep links; record looks again at all stays of whoever has one of the numbers. `message`: the audit trail's name of the message that
    says so."""
    with tx.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO alias({_COLUMNS}, message) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)".encode(),
            [
                (str(one.kind), one.old.system, one.old.value, one.new.system, one.new.value, one.known_us, one.recorded_us, message)
                for one in links
            ],
        )
    found: set[Span] = set()
    for kind in {one.kind for one in links}:
        of = spans_of(tx, kind, {one.new for one in links if one.kind is kind})
        found |= {span for spans in of.values() for span in spans}
    reviews.ask_of_beds(tx, sorted(found, key=lambda span: (span[1], span[0])), "merge")


def said_by(tx: Tx, messages: Collection[UUID]) -> Counter[tuple[UUID, str]]:
    """(message, link as canonical JSON) of every link that these messages said."""
    rows = tx.execute(f"SELECT message, {_COLUMNS} FROM alias WHERE message = ANY(%s)".encode(), (list(messages),)).fetchall()
    return Counter((message, plain.dump(_link(tuple(columns)))) for message, *columns in rows)


def linked(tx: Tx, kind: Kind, identifiers: Iterable[Identifier], as_of_us: int | None = None) -> list[Link]:
    """Every link of the persons (visits) that these identifiers name, also those over several steps; `as_of_us`: as was known then."""
    pairs = sorted({(one.system, one.value) for one in identifiers})
    of, known = (str(kind), as_of_us, as_of_us), "kind = %s AND (%s::bigint IS NULL OR recorded_us <= %s)"
    rows = tx.execute(
        "WITH RECURSIVE reached(system, value) AS ("
        " SELECT * FROM unnest(%s::text[], %s::text[])"
        " UNION SELECT n.system, n.value FROM reached r CROSS JOIN LATERAL ("  # by an index each: joined by OR, every link is looked at
        f" SELECT new_system, new FROM alias WHERE {known} AND old = r.value AND old_system = r.system"
        f" UNION ALL SELECT old_system, old FROM alias WHERE {known} AND new = r.value AND new_system = r.system) AS n(system, value))"
        f" SELECT {_COLUMNS} FROM alias WHERE {known} AND (old_system, old) IN (SELECT system, value FROM reached)".encode(),
        ([system for system, _ in pairs], [value for _, value in pairs], *of, *of, *of),
    ).fetchall()
    return [_link(row) for row in rows]


def survivors(tx: Tx, kind: Kind, identifiers: Iterable[Identifier], as_of_us: int | None = None) -> dict[Identifier, Identifier]:
    """Each of these identifiers -> the number that stands for it now (or as was known at `as_of_us`); mostly itself."""
    wanted = list(identifiers)
    known = resolved(linked(tx, kind, wanted, as_of_us)) if wanted and merged(tx) else {}
    return {one: known.get(one, one) for one in wanted}


def every(tx: Tx, kind: Kind) -> dict[Identifier, Identifier]:
    """Every number that was ever merged -> the one that stands for it now. For who looks at many at once."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM alias WHERE kind = %s".encode(), (str(kind),)).fetchall()
    return resolved(map(_link, rows))


def numbers(tx: Tx, kind: Kind, identifier: Identifier, as_of_us: int | None = None) -> list[Identifier]:
    """Every number of the person (visit) that an identifier names, itself among them."""
    return numbers_of(tx, kind, [identifier], as_of_us)[identifier] if merged(tx) else [identifier]


def numbers_of(tx: Tx, kind: Kind, identifiers: Iterable[Identifier], as_of_us: int | None = None) -> dict[Identifier, list[Identifier]]:
    """The same of many, in one statement. Asks for links in any case: see `merged`."""
    wanted = list(identifiers)
    stands = resolved(linked(tx, kind, wanted, as_of_us)) if wanted else {}
    together: dict[Identifier, list[Identifier]] = {}
    for one, survivor in stands.items():
        together.setdefault(survivor, []).append(one)
    return {one: sorted(together[stands[one]], key=_name) if one in stands else [one] for one in wanted}


def spans_of(tx: Tx, kind: Kind, identifiers: Iterable[Identifier]) -> dict[Identifier, list[Span]]:
    """Every believed stay of each person (visit) that these identifiers name, under any of their numbers."""
    of = numbers_of(tx, kind, identifiers)
    system, number = _COLUMNS_OF[kind]
    rows = tx.execute(
        f"SELECT {system}, {number}, bed, start_us, end_us FROM stay WHERE superseded_us IS NULL"
        f" AND ({system}, {number}) IN (SELECT * FROM unnest(%s::text[], %s::text[]))".encode(),
        arrays(sorted({one for together in of.values() for one in together}, key=_name)),
    ).fetchall()
    return {one: [row[2:] for row in rows if Identifier(*row[:2]) in together] for one, together in of.items()}


def links_of(database: Database, patient: Identifier, encounter: Identifier) -> int:
    """How many links name this patient's, or this visit's, number: who remembers what the number stands for asks whether that changed."""
    with database.transaction() as tx:
        row = tx.execute(
            "SELECT count(*) FROM alias WHERE (kind = %s AND ((old = %s AND old_system = %s) OR (new = %s AND new_system = %s)))"
            " OR (kind = %s AND ((old = %s AND old_system = %s) OR (new = %s AND new_system = %s)))",
            (str(Kind.PERSON), *(patient.value, patient.system) * 2, str(Kind.VISIT), *(encounter.value, encounter.system) * 2),
        ).fetchone()
    return row[0] if row else 0


def arrays(identifiers: Sequence[Identifier]) -> tuple[list[str], list[str]]:
    """Systems and values, for a query over unnest(%s::text[], %s::text[])."""
    return [one.system for one in identifiers], [one.value for one in identifiers]


def _name(identifier: Identifier) -> tuple[str, str]:
    return identifier.system, identifier.value


def _link(row: tuple[Any, ...]) -> Link:
    kind, old_system, old, new_system, new, known_us, recorded_us = row
    return Link(Kind(kind), Identifier(old_system, old), Identifier(new_system, new), known_us, recorded_us)


def merged(tx: Tx) -> bool:
    """Whether there is any link. Most installations have none: a look at an empty table costs less than the walk."""
    return tx.execute("SELECT EXISTS (SELECT FROM alias)").fetchone() == (True,)
