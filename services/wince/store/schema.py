"""This version's schema: the files `migrations/NNN_name.sql`, and what each of them does to code that was written before it.

A rolling upgrade has old and new code at one database. So a schema first expands, and contracts only when no old code is left:

- an expansion adds (a table, a column that may stay empty, an index): code of before goes on working beside it
- a contraction takes away or narrows: code that knows less than the schema it names no longer works, and refuses to start

The first line of each file behind the baseline says which of them it is: `-- expansion`, or `-- contraction: needs 37`, where 37 is the
schema from which on the code no longer needs what goes. `-- expansion, concurrently` is one CREATE INDEX CONCURRENTLY, which runs outside a
transaction and blocks no writer. tests/unit/test_migrations.py holds each file to what it says.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from wince.errors import StoreError

BASELINE = 34
"""The schema before the first release. Its files are one step: nobody has code that knows a part of it."""
_FIRST_LINE = re.compile(r"-- (?:(?P<expansion>expansion)(?P<concurrently>, concurrently)?|contraction: needs (?P<needs>\d+))")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of SQL."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Of the text (hex); what was applied must not change afterwards."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def needs(self) -> int:
        """The oldest schema whose code may use the database after this file; 0 for an expansion, which shuts nobody out.

        Raises StoreError where the file does not say what it is.
        """
        if self.number <= BASELINE:
            return BASELINE
        said = self._said()
        if said["needs"] is None:
            return 0
        needs = int(said["needs"])
        if not BASELINE <= needs <= self.number:
            raise self._wrong(f"needs schema {needs}, which does not lie between {BASELINE} and its own number")
        return needs

    @property
    def concurrently(self) -> bool:
        """Whether it runs outside a transaction."""
        return self.number > BASELINE and self._said()["concurrently"] is not None

    def _said(self) -> re.Match[str]:
        said = _FIRST_LINE.fullmatch(self.sql.split("\n", 1)[0].rstrip())
        if said is None:
            raise self._wrong("does not say whether it is an expansion or a contraction")
        return said

    def _wrong(self, what: str) -> StoreError:
        return StoreError(what, field=self.name, remedy="its first line: `-- expansion`, or `-- contraction: needs NUMBER`")


@functools.cache
def bundled() -> tuple[Migration, ...]:
    """This version's migrations, by number from 1, without gaps."""
    files = sorted(
        (file for file in resources.files("wince.store").joinpath("migrations").iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    return tuple(Migration(int(file.name[:3]), file.name, file.read_text("utf-8")) for file in files)


def known() -> int:
    """The number of this version's schema."""
    return len(bundled())


def oldest_after(migrations: Sequence[Migration]) -> int:
    """The oldest schema whose code may use a database to which these migrations were applied; 0: there are none."""
    return max((one.needs for one in migrations), default=0)
