"""What a batch of the hospital's messages writes: gathered, and written in few statements before any of it is read again."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from wince.domain.binding import changed
from wince.domain.census import Movement, Revision
from wince.store import inbox, plain, reviews, stay_rows
from wince.store.database import Tx


class Taken:
    """Of one transaction. What is gathered is lost unless `write` is called before the COMMIT.

    A visit has one revision at most between two calls of `write`: each is decided by what the one before it wrote.
    """

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._uses: list[inbox.Use] = []
        self._movements: list[tuple[Movement, UUID]] = []
        self._revisions: list[tuple[Revision, UUID]] = []

    def add(self, use: inbox.Use, movements: Sequence[Movement], revision: Revision) -> None:
        """What one message comes to."""
        message = inbox.message_id(use.key, use.number)
        self._uses.append(use)
        self._movements += [(moved, message) for moved in movements]
        self._revisions.append((revision, message))

    def write(self) -> None:
        """Everything, in the order in which it came. Raises IntegrityError where a row that is to be superseded is not believed."""
        inbox.keep(self._tx, self._uses)
        if self._movements:
            with self._tx.cursor() as cursor, cursor.copy("COPY movement (encounter_system, encounter, body, message) FROM STDIN") as copy:
                for moved, message in self._movements:
                    copy.write_row((moved.encounter.system, moved.encounter.value, plain.dump(moved), message))
        stay_rows.revise(self._tx, self._revisions)
        # Record looks again wherever others lie after a revision than before it.
        reviews.ask_of_beds(self._tx, [span for one, _ in self._revisions for span in changed(one.supersede, one.add)], "census")
        self._uses, self._movements, self._revisions = [], [], []
