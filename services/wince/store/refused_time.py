"""Sources whose messages are set aside for their time, so that a person sees it."""

from __future__ import annotations

from collections.abc import Collection

from wince.store.database import Tx


def note(tx: Tx, source: str, ahead_us: int, at_us: int) -> None:
    """A message of a source lay that far ahead of `at_us`, and was set aside."""
    tx.execute(
        "INSERT INTO refused_time(source, ahead_us, at_us) VALUES (%s, %s, %s)"
        " ON CONFLICT (source) DO UPDATE SET ahead_us = excluded.ahead_us, at_us = excluded.at_us",
        (source, ahead_us, at_us),
    )


def since(tx: Tx, sources: Collection[str], at_us: int) -> dict[str, int]:
    """How far ahead the last message was that was set aside after a moment, microseconds; a source without one is absent."""
    found = tx.execute("SELECT source, ahead_us FROM refused_time WHERE source = ANY(%s) AND at_us > %s", (list(sources), at_us)).fetchall()
    return dict(found)
