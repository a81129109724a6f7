"""Who lay where, and under which numbers: the tables movement, alias and stay."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wince import canonical
from wince.domain.audit import AuditRow
from wince.domain.stay import Stay
from wince.store import aliases, plain, stay_rows
from wince.store.covered.erasures import Erasures
from wince.store.covered.fault import broken, count
from wince.store.database import Tx
from wince.store.inbox import APPLIED


class Census:
    """Movements and merges as they came, stays as they were made of them, and which of those are believed."""

    name = "movements, merges and stays"

    def __init__(self) -> None:
        self.compared = self.unproven = 0
        self._movements = self._stays = self._links = 0
        self._erased = False
        """Whether a message's payload is gone: which stays it ended is then not known."""
        self._believed: Counter[str] = Counter()
        """By the id of a stay that stands: how often it was added beyond how often it was superseded."""

    def compare(self, tx: Tx, links: Sequence[AuditRow], erasures: Erasures) -> None:
        """See Kind.compare."""
        messages = [link for link in links if link.event == APPLIED]
        self._leave_out(tx, [link for link in messages if link.payload is None])
        mine = [(link, json.loads(link.payload)) for link in messages if link.payload is not None]
        if not mine:
            return
        moved = [(link, one) for link, said in mine for one in said.get("movements", ())]
        standing = _movements(tx, [one for _, one in moved])
        for link, one in moved:
            if standing[canonical.text(one)]:
                self._movements += 1
                self.compared += 1
            elif not erasures.explains("movements", str(link.entry), one["at_us"]):
                raise broken("movement", link.entry, "is missing, or is not what came")
        self._hold_links(tx, mine, erasures)
        self._hold_stays(tx, mine, erasures)

    def _leave_out(self, tx: Tx, erased: Sequence[AuditRow]) -> None:
        """Messages whose payload was erased: what they brought can't be held against it."""
        if not erased:
            return
        self._erased = True
        ids = [link.entry for link in erased]
        found = {}
        for table in ("movement", "stay", "alias"):
            row = tx.execute(f"SELECT count(*) FROM {table} WHERE message = ANY(%s)".encode(), (ids,)).fetchone()
            found[table] = row[0] if row else 0
        self.unproven += sum(found.values())
        self._movements += found["movement"]
        self._stays += found["stay"]
        self._links += found["alias"]

    def _hold_links(self, tx: Tx, mine: Sequence[tuple[AuditRow, Mapping[str, Any]]], erasures: Erasures) -> None:
        told = [(link, one) for link, said in mine for one in said.get("links", ())]
        stand = aliases.said_by(tx, {link.entry for link, _ in told}) if told else Counter()
        for link, one in told:
            if stand[link.entry, canonical.text(one)]:
                self._links += 1
                self.compared += 1
            elif not erasures.explains("movements", str(link.entry), one["known_us"]):
                raise broken("alias", link.entry, "a merge is missing, or is not what came")

    def _hold_stays(self, tx: Tx, mine: Sequence[tuple[AuditRow, Mapping[str, Any]]], erasures: Erasures) -> None:
        added = [(link, one) for link, said in mine for one in said.get("added", ())]
        rows = _stays(tx, [one["id"] if isinstance(one, dict) else one for _, one in added])
        for link, one in added:
            identity = one["id"] if isinstance(one, dict) else one
            self._believed[identity] += 1
            stand = rows.get(identity, Counter())
            if isinstance(one, str):  # of a release whose chain names stays, and says no more of them
                self._stays += bool(stand)
                self.unproven += bool(stand)
            elif stand[canonical.text(one)]:
                self._stays += 1
                self.compared += 1
            elif not erasures.explains("movements", identity, one["end_us"] or one["start_us"]):
                raise broken("stay", identity, f"is missing, or is not what message {link.entry} made of it")
            else:
                self._believed[identity] -= 1
        ended = _ended(tx, [identity for _, said in mine for identity in said.get("superseded", ())])
        for _, said in mine:
            for identity in said.get("superseded", ()):
                other = "as_of_us" in said and said["as_of_us"] not in ended.get(identity, ())
                if other and not erasures.explains("movements", identity, None):
                    raise broken("stay", identity, "is not superseded as the chain says")
                self._believed[identity] -= 1
                if not self._believed[identity]:
                    del self._believed[identity]

    def counted(self, tx: Tx) -> list[tuple[str, int, int]]:
        """See Kind.counted."""
        told = {"movement": self._movements, "stay": self._stays, "alias": self._links}
        tables = [(table, number, count(tx, table)) for table, number in told.items()]
        if self._erased:
            return tables
        believed = {str(identity) for (identity,) in tx.execute("SELECT id FROM stay WHERE superseded_us IS NULL").fetchall()}
        same = sum(self._believed[identity] > 0 for identity in believed)
        return [
            *tables,
            ("believed stay", same, len(believed)),
            ("believed stay", sum(number > 0 for number in self._believed.values()), len(believed)),
        ]


def _movements(tx: Tx, told: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """Bodies that stand, of these movements."""
    visits = [one["encounter"] for one in told]
    rows = tx.execute(
        "SELECT body FROM movement WHERE encounter_system = ANY(%s) AND encounter = ANY(%s)",
        (sorted({visit["system"] for visit in visits}), sorted({visit["value"] for visit in visits})),
    ).fetchall()
    return Counter(body for (body,) in rows)


def _stays(tx: Tx, ids: Sequence[str]) -> dict[str, Counter[str]]:
    """Rows that stand, as JSON without the moment at which they stopped being believed, by the stay's id."""
    found: dict[str, Counter[str]] = {}
    for stay in stay_rows.read(tx, "id = ANY(%s::uuid[])", (list(ids),)):
        found.setdefault(str(stay.id), Counter())[text(stay)] += 1
    return found


def _ended(tx: Tx, ids: Sequence[str]) -> dict[str, set[int]]:
    """When rows of these stays stopped being believed."""
    found: dict[str, set[int]] = {}
    rows = tx.execute(
        "SELECT id, superseded_us FROM stay WHERE id = ANY(%s::uuid[]) AND superseded_us IS NOT NULL", (list(ids),)
    ).fetchall()
    for identity, at_us in rows:
        found.setdefault(str(identity), set()).add(at_us)
    return found


def text(stay: Stay) -> str:
    """A stay as the chain says it: as it was when it was added."""
    return plain.dump(replace(stay, superseded_us=None))
