"""Verification of the trail: the chain, its checkpoints and witnesses, and what is charted, sent, seen and believed.

A pass may begin behind a row that an earlier pass has proven (`Note`). What that pass proved is believed, not looked at again: a row of
before that was changed since is found by a pass over everything, and by nothing else. Such a pass is short, and so is its transaction.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wince import canonical, plain_file
from wince.domain import audit as chain
from wince.domain.audit import Checkpoint, Proven, Start, Verified, Witness
from wince.domain.restored import RESTORED, Believes, believed
from wince.errors import IntegrityError, ResourceError
from wince.store import audit, checkpoint_file
from wince.store.audit_keys import signed_by, statements
from wince.store.covered.check import Before, ChainComparison
from wince.store.covered.fault import broken
from wince.store.database import Database, Tx

_AGAIN = "run `wince audit verify` without --since-last, and remove the file where that holds"


@dataclass(frozen=True, slots=True)
class Note:
    """What a verification proved, signed by the site's key, so that the next one may begin behind it."""

    start: Start
    tables: Mapping[str, int]
    """How many rows stood in the tables that the chain covers (`covered.check.COUNTED`)."""
    at: str
    """When, as text, UTC."""
    full_seq: int
    """Up to which row the last pass over everything went."""
    full_at: str

    def text(self) -> str:
        """The bytes that are signed: canonical JSON."""
        said = asdict(self)
        said["start"] |= {"head": self.start.head.hex(), "stack": [node.hex() for node in self.start.stack]}
        return canonical.text({"what": "wince audit verified 1", **said})


@dataclass(frozen=True, slots=True)
class Pass:
    """What a verification found, and what it leaves to the next."""

    found: Verified
    end: Start
    tables: Mapping[str, int]

    def note(self, at_us: int, before: Note | None) -> Note:
        """For the next pass. `before`: what this one began behind; None: it read everything."""
        at = audit.utc(at_us)
        return Note(self.end, dict(self.tables), at, *((before.full_seq, before.full_at) if before else (self.end.seq, at)))


def verify(
    database: Database,
    file: Path,
    public_key: str,
    *,
    witnesses: Iterable[Witness] = (),
    since: Note | None = None,
    site_keys: Sequence[str] = (),
) -> Pass:
    """Checks every link, every payload that is there, every checkpoint's signature and root, and every witness; streams the chain. What is
    charted, sent, seen and believed is held against it (store/covered).

    `public_key` (hex): whose signatures are believed; empty only where there are no checkpoints. `since`: begin behind what it proved.
    `site_keys` as for `audit_keys.statements`.
    Raises IntegrityError that names the first row, checkpoint or witness that does not hold.
    """
    points, seen = checkpoint_file.held(database, file, public_key), list(witnesses)
    covered = ChainComparison(database, Before(since.start.seq, since.start.head, since.tables) if since else None)
    believes = statements(public_key, site_keys, points)
    start = _held_before(database, points, seen, since.start, believes) if since else None
    proven = chain.prove(covered.links(), points, signed_by(public_key), witnesses=seen, start=start, believes=believes)
    return Pass(replace(proven.found, compared=covered.done.rows, unproven=covered.done.unproven), proven.end, covered.tables)


def links(database: Database, file: Path, public_key: str, site_keys: Sequence[str] = ()) -> Proven:
    """As `verify`, of the chain and its checkpoints alone: digests, no payloads, no other table. `erased` counts all."""
    points = checkpoint_file.held(database, file, public_key)
    believes = statements(public_key, site_keys, points)
    return chain.prove(audit.rows(database), points, signed_by(public_key), believes=believes)


def read_note(file: Path, public_key: str) -> Note | None:
    """The note in a file; None where it is absent. Raises IntegrityError where the site's key did not sign it; ResourceError."""
    try:
        text = plain_file.read(file).decode("ascii", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResourceError(error.strerror or "can't be read", field=file, remedy="make it readable, or remove it") from None
    try:
        said = json.loads(text)
        told, signature = said["verified"], bytes.fromhex(said["signature"])
        at = told["start"]
        numbers = {name: int(at[name]) for name in ("checkpoint", "tail", "witnessed", "unwitnessed")}
        start = Start(int(at["seq"]), bytes.fromhex(at["head"]), tuple(bytes.fromhex(node) for node in at["stack"]), **numbers)
        tables = {str(table): int(number) for table, number in told["tables"].items()}
        note = Note(start, tables, str(told["at"]), int(told["full_seq"]), str(told["full_at"]))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise IntegrityError("is no note of a verification", field=file, remedy=_AGAIN) from None
    if not signed_by(public_key)(note.text().encode(), signature):
        raise IntegrityError("the site's key did not sign this note of a verification", field=file, remedy=_AGAIN)
    return note


def write_note(file: Path, note: Note, key: Ed25519PrivateKey) -> None:
    """Puts a note in the place of the one before, whole or not at all, 0600. Raises ResourceError."""
    text = json.dumps({"verified": json.loads(note.text()), "signature": key.sign(note.text().encode()).hex()})
    beside = file.with_name(f".{file.name}.{uuid4().hex[:8]}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ResourceError(error.strerror or "can't be written", field=file, remedy="give a folder that can be written") from None


def _held_before(database: Database, points: Sequence[Checkpoint], witnesses: Sequence[Witness], start: Start, believes: Believes) -> Start:
    """Holds what speaks of rows before a start against the hashes that stand there: who rewrote the chain wrote those, too. Gives the start
    with the last of those witnesses. Raises IntegrityError."""
    told = [(point.seq, point.head, "a checkpoint") for point in points if point.seq < start.seq]
    told += [(one.seq, one.head, one.place) for one in witnesses if one.seq < start.seq]
    with database.transaction() as tx:
        last = tx.execute("SELECT coalesce(max(seq), 0) FROM audit").fetchone()
        if last is not None and last[0] < start.seq:
            what = f"an earlier verification proved row {start.seq}, and the chain ends at row {last[0]}: rows were cut off"
            raise IntegrityError(what, field=f"audit row {start.seq}", remedy=chain.CUT)
        wanted = sorted({seq for seq, _, _ in told})
        stand = {seq: bytes(made) for seq, made in tx.execute("SELECT seq, hash FROM audit WHERE seq = ANY(%s)", (wanted,)).fetchall()}
        lost = _lost(tx, start.seq, believes)
        for seq, head, who in told:
            if stand.get(seq) != head and not any(after < seq < behind for after, behind in lost):
                raise broken("audit row", str(seq), f"{who} says another hash: the chain was rewritten at or before this row")
        witnessed = max((one.seq for one in witnesses if one.seq < start.seq), default=0)
        if witnessed <= start.witnessed:
            return start
        row = tx.execute(
            "SELECT count(*) FROM audit WHERE seq > %s AND seq <= %s AND event <> %s", (witnessed, start.seq, chain.CHECKPOINT)
        ).fetchone()
    return replace(start, witnessed=witnessed, unwitnessed=row[0] if row else 0)


def _lost(tx: Tx, until: int, believes: Believes) -> list[tuple[int, int]]:
    """(row, row) between which rows are lost, up to row `until`. Raises IntegrityError where the site did not sign that."""
    rows = tx.execute(
        "SELECT a.seq, p.payload, b.seq, b.hash FROM audit a LEFT JOIN audit_payload p ON p.place = coalesce(a.payload, a.seq)"
        " LEFT JOIN audit b ON b.seq = (SELECT max(seq) FROM audit WHERE seq < a.seq) WHERE a.event = %s AND a.seq <= %s",
        (RESTORED, until),
    ).fetchall()
    return [(believed(seq, text, last or 0, bytes(head or chain.ZERO), believes).after, seq) for seq, text, last, head in rows]
