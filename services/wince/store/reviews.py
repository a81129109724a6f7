"""What record must look at again: beds and cameras whose patient, or whose certainty about the patient, has changed.

A change of anything that `domain/binding.py` depends on asks for a review in the same transaction. Record looks at every window and
entry of those cameras in that time (pipeline/record): what stands afterwards is what the census as then known says.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from wince.store.database import Tx


def ask(tx: Tx, *, beds: Collection[str] = (), sources: Collection[str] = (), from_us: int, to_us: int | None = None, why: str) -> None:
    """Have record look again at [from_us, to_us), microseconds UTC; `to_us` None: from then on.

    `beds`: every camera that watched one of them at any time; `sources`: these cameras; both empty: everything. `why`: a code for the
    audit trail, no PHI, such as "census", "camera", "trust". An empty interval asks for nothing. A row, and no lock, in the caller's
    transaction: it holds when that commits, and not otherwise.
    """
    if to_us is not None and to_us <= from_us:
        return
    tx.execute(
        "INSERT INTO review(beds, sources, from_us, to_us, why) VALUES (%s, %s, %s, %s, %s)",
        (sorted(set(beds)), sorted(set(sources)), from_us, to_us, why),
    )


def ask_of_beds(tx: Tx, spans: Sequence[tuple[str, int, int | None]], why: str) -> None:
    """The same of many beds, each with its time (bed, from_us, to_us), in one statement."""
    wanted = [(bed, from_us, to_us) for bed, from_us, to_us in spans if to_us is None or to_us > from_us]
    if wanted:
        beds, begins, ends = map(list, zip(*wanted, strict=True))
        tx.execute(
            "INSERT INTO review(beds, sources, from_us, to_us, why) SELECT ARRAY[s.bed], '{}', s.from_us, s.to_us, %s"
            " FROM unnest(%s::text[], %s::bigint[], %s::bigint[]) WITH ORDINALITY AS s(bed, from_us, to_us, place) ORDER BY s.place",
            (why, beds, begins, ends),
        )


def waiting(tx: Tx) -> bool:
    """Whether anything is to be looked at again now."""
    return tx.execute("SELECT EXISTS (SELECT FROM review WHERE next_at <= now())").fetchone() == (True,)
