"""What is charted, asked and sent: the tables entry, question and outbox."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from wince.domain import proof
from wince.domain.audit import AuditRow, digest
from wince.store.covered.erasures import Erasures
from wince.store.covered.fault import broken, count
from wince.store.database import Tx

_COLUMNS = ("kind", "origin", "assessment", "stay", "source", "start_us", "end_us", "status", "part_of")
_Row = dict[str, Any]


class Entries:
    """Every revision of every entry, the latest of every question, and the body of each at each target."""

    name = "entries"

    def __init__(self, last: tuple[UUID, int] | None = None) -> None:
        """`last`: entry and revision of the last charted link before those that come, see `last_charted`."""
        self.compared = self.unproven = 0
        self._entries = self._questions = self._bodies = 0
        self._last = last

    def compare(self, tx: Tx, links: Sequence[AuditRow], erasures: Erasures) -> None:
        """See Kind.compare."""
        mine = [link for link in links if link.event in proof.CHARTED]
        if not mine:
            return
        entries, questions, outbox = _entries(tx, mine), _questions(tx, mine), _outbox(tx, mine)
        for link in mine:
            key = (link.entry, link.revision)
            entry, question, bodies = entries.get(key), questions.get(link.entry), outbox.get(key, {})
            found = proof.said(link.payload) if link.payload is not None else _put_together(link, entry, question, bodies)
            again, self._last = key == self._last, key
            if found is None:
                self._leave(link, entry, question, bodies, again=again)
                continue
            self._hold(link, json.loads(found.entry), found, entry, question, erasures, again=again)
            self._sent(link, found, bodies.get(link.target), entry is not None or question is not None, tx)

    def _leave(self, link: AuditRow, entry: _Row | None, question: str | None, bodies: Mapping[str, str], *, again: bool) -> None:
        """An earlier release wrote it, or its payload was erased. That release proved the body, or the entry where there was none."""
        self.unproven += not again
        self._entries += entry is not None and not again
        self._questions += link.revision == 1 and question is not None and entry is None and not again
        mine = [body for target, body in bodies.items() if link.target in ("", target)]
        self._bodies += len(mine)
        if link.payload is not None and mine and any(digest(body) != link.digest for body in mine):
            raise broken("outbox", link.entry, f"revision {link.revision} is not what was charted")

    def _hold(
        self,
        link: AuditRow,
        told: dict[str, Any],
        said: proof.Said,
        entry: _Row | None,
        question: str | None,
        erasures: Erasures,
        *,
        again: bool,
    ) -> None:
        """The row of the entry, or question, itself."""
        if "asked_us" in told:
            stands = question is not None
            if question is not None and question != said.entry and json.loads(question)["revision"] <= link.revision:
                raise broken("question", link.entry, "is not what the chain says")
            self._questions += stands and link.revision == 1 and not again
        else:
            stands = entry is not None
            if entry is not None and (entry["body"] != said.entry or any(entry[name] != told.get(name) for name in _COLUMNS)):
                raise broken("entry", link.entry, f"revision {link.revision} is not what was charted")
            self._entries += stands and not again
        if not stands and not erasures.explains("assessments", str(link.entry), told["end_us"]):
            raise broken("question" if "asked_us" in told else "entry", link.entry, f"revision {link.revision} is missing")
        self.compared += stands and not again

    def _sent(self, link: AuditRow, said: proof.Said, body: str | None, stands: bool, tx: Tx) -> None:
        """What is, or was, to be sent of it."""
        if not link.target or link.event == "kept":
            return
        if body is not None:
            self._bodies += 1
            if proof.hexed(body) != said.body:
                raise broken("outbox", link.entry, f"revision {link.revision} for {link.target} is not what was charted")
        elif stands and not _taken_back(tx, link):
            raise broken("outbox", link.entry, f"revision {link.revision} for {link.target} is missing")

    def counted(self, tx: Tx) -> list[tuple[str, int, int]]:
        """See Kind.counted."""
        return [
            ("entry", self._entries, count(tx, "entry")),
            ("question", self._questions, count(tx, "question")),
            ("outbox", self._bodies, count(tx, "outbox")),
        ]


def last_charted(tx: Tx, seq: int) -> tuple[UUID, int] | None:
    """Entry and revision of the last link up to a row that charted something; None: there is none. One revision has a link per target."""
    row = tx.execute(
        "SELECT entry, revision FROM audit WHERE seq <= %s AND event = ANY(%s) ORDER BY seq DESC LIMIT 1", (seq, list(proof.CHARTED))
    ).fetchone()
    return (row[0], row[1]) if row else None


def _put_together(link: AuditRow, entry: _Row | None, question: str | None, bodies: Mapping[str, str]) -> proof.Said | None:
    """What an erased payload said, from the rows; None where they don't give the chain's digest."""
    body = bodies.get(link.target, "")
    for text in (entry["body"] if entry else None, question):
        if text is not None and digest(proof.of_entry(text, body)) == link.digest:
            return proof.Said(text, proof.hexed(body))
    return None


def _entries(tx: Tx, links: Sequence[AuditRow]) -> dict[tuple[UUID, int], _Row]:
    rows = tx.execute(
        f"SELECT id, revision, body, {', '.join(_COLUMNS)} FROM entry WHERE id = ANY(%s)".encode(), ([link.entry for link in links],)
    ).fetchall()  # by their index, in whatever share of the table: a join would read all of it
    return {
        (row[0], row[1]): {"body": row[2]} | {name: _text(value) for name, value in zip(_COLUMNS, row[3:], strict=True)} for row in rows
    }


def _text(value: object) -> object:
    return str(value) if isinstance(value, UUID) else value


def _questions(tx: Tx, links: Sequence[AuditRow]) -> dict[UUID, str]:
    return dict(tx.execute("SELECT id, body FROM question WHERE id = ANY(%s)", ([link.entry for link in links],)).fetchall())


def _outbox(tx: Tx, links: Sequence[AuditRow]) -> dict[tuple[UUID, int], dict[str, str]]:
    """Bodies by target, by (entry, revision)."""
    rows = tx.execute(
        "SELECT entry, revision, target, body FROM outbox WHERE entry = ANY(%s)", ([link.entry for link in links],)
    ).fetchall()
    found: dict[tuple[UUID, int], dict[str, str]] = {}
    for entry, revision, target, body in rows:
        found.setdefault((entry, revision), {})[target] = body
    return found


def _taken_back(tx: Tx, link: AuditRow) -> bool:
    """Whether a later revision withdrew it before it was sent, at a target that takes nothing back."""
    row = tx.execute(
        "SELECT 1 FROM entry WHERE id = %s AND revision > %s AND status = 'entered-in-error' LIMIT 1", (link.entry, link.revision)
    ).fetchone()
    return row is not None
