"""The audit chain: rows that can't be changed, left out or swapped without its showing.

    hash(n) = sha256(hash(n-1) 1f seq 1f at 1f entry 1f revision 1f event 1f attempt 1f [target 1f] sha256(payload))

with 1f = the byte 0x1f, numbers and texts as UTF-8, hash(0) = 32 zero bytes. `target 1f` stands only in rows of a delivery, so that
rows from before there were several targets keep their hash. The two digests are 32 bytes long and the texts may not hold 0x1f, so no
two rows hash the same bytes: more than 32 bytes follow `attempt 1f` exactly where there is a target.

The chain holds the payload's digest only: the text (PHI) lies beside it and may be erased. Over the same hashes stands a Merkle tree
(RFC 9162 section 2.1.1): its root and the head go into checkpoints that are signed and kept outside the database, since who owns the
database could compute a whole new chain. What was appended after the last checkpoint has no such proof; `Verified.tail` names it.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from wince.domain.restored import RESTORED, Believes, Restoration, believed
from wince.errors import InputError, IntegrityError

CHECKPOINT = "checkpoint"
"""Event of a link that says that a checkpoint was written."""
ZERO = bytes(32)
"""What the first row is linked to."""
_SEPARATOR = b"\x1f"
CUT = (
    "was an older backup restored, or a standby promoted? Then `wince audit restored`. If not: keep the database as it is and call the"
    " person in charge of security"
)
Verifier = Callable[[bytes, bytes], bool]
"""verifier(message, signature): True where the signature (Ed25519) is that of the site's key."""


def digest(payload: str) -> bytes:
    """sha256 of the payload's text as stored, 32 bytes."""
    return hashlib.sha256(payload.encode()).digest()


def link(
    previous: bytes, seq: int, at: str, entry: UUID, revision: int, event: str, attempt: int, payload_digest: bytes, target: str = ""
) -> bytes:
    """Hash of a row, 32 bytes. `target` empty: the row is of no delivery.

    Raises InputError where a digest is not 32 bytes long or a text holds 0x1f.
    """
    if len(previous) != 32 or len(payload_digest) != 32:
        raise InputError("a digest has not 32 bytes", field="audit", remedy="use sha256")
    texts = [str(part).encode() for part in (seq, at, entry, revision, event, attempt, *([target] if target else []))]
    if any(_SEPARATOR in text for text in texts):
        raise InputError("an audit field holds the separator 0x1f", field="audit", remedy="use plain names")
    return hashlib.sha256(_SEPARATOR.join([previous, *texts, payload_digest])).digest()


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row as stored."""

    seq: int
    """From 1, without gaps."""
    at: str
    """When it was appended, as text, UTC."""
    entry: UUID
    """What the event is about."""
    revision: int
    event: str
    attempt: int
    digest: bytes
    """sha256 of the payload."""
    prev_hash: bytes
    hash: bytes
    payload: str | None = None
    """None: erased, or not read."""
    target: str = ""
    """Whom the entry was delivered to; empty: the event is of no delivery."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of the chain at a moment, signed, kept outside the database."""

    seq: int
    head: bytes
    """Hash of row `seq`."""
    root: bytes
    """Merkle root over the hashes of rows 1..seq."""
    at: str
    """When it was made, as text, UTC."""
    signature: bytes = b""
    """Over `message()`."""

    def message(self) -> bytes:
        """The bytes that are signed."""
        lines = ("wince audit checkpoint 1", str(self.seq), self.head.hex(), self.root.hex(), self.at)
        return "".join(f"{line}\n" for line in lines).encode()


class Frontier:
    """Roots of the complete subtrees of a growing Merkle tree: all that is needed to add leaves and tell the root."""

    def __init__(self, count: int = 0, stack: Iterable[bytes] = ()) -> None:
        self.count = count
        """Leaves so far."""
        self.stack = list(stack)
        """Largest subtree first; one per bit that is set in `count`."""
        if len(self.stack) != count.bit_count():
            raise InputError("subtrees and leaves don't fit", field="frontier", remedy="build it again from the rows")

    def add(self, leaf: bytes) -> None:
        """Append a leaf."""
        self._add(hashlib.sha256(b"\x00" + leaf).digest(), 0)

    def _add(self, node: bytes, height: int) -> None:
        """Append 2**height leaves by their root; `count` is a multiple of that."""
        above = self.count >> height
        self.count += 1 << height
        while above & 1:
            node = hashlib.sha256(b"\x01" + self.stack.pop() + node).digest()
            above >>= 1
        self.stack.append(node)

    def skip(self, count: int) -> None:
        """Append leaves of 32 zero bytes until there are `count`: numbers that were lost. Whole subtrees at once, so it takes no time
        whatever the number is."""
        empty = [hashlib.sha256(b"\x00" + ZERO).digest()]
        while (left := count - self.count) > 0:
            height = left.bit_length() - 1
            if self.count:
                height = min(height, (self.count & -self.count).bit_length() - 1)
            while len(empty) <= height:
                empty.append(hashlib.sha256(b"\x01" + empty[-1] + empty[-1]).digest())
            self._add(empty[height], height)

    def root(self) -> bytes:
        """Merkle tree hash; of no leaves: sha256 of nothing."""
        if not self.stack:
            return hashlib.sha256(b"").digest()
        node = self.stack[-1]
        for left in reversed(self.stack[:-1]):
            node = hashlib.sha256(b"\x01" + left + node).digest()
        return node


@dataclass(frozen=True, slots=True)
class Witness:
    """What a second place, which the database's owner does not rule, says of the chain."""

    seq: int
    head: bytes
    """Hash of row `seq`."""
    place: str
    """Who says so, for a person."""
    at: str
    """When: by the checkpoint, or by an authority that dates it. Text, UTC."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a whole pass over the chain found: nothing broken."""

    count: int
    head: bytes
    """Hash of the last row; ZERO where there is none."""
    root: bytes
    checkpoint: int
    """`seq` of the last checkpoint that was checked; 0: none."""
    tail: int
    """Rows after it, but those that only say that a checkpoint was written: what the database's owner could still rewrite."""
    erased: int
    """Rows whose payload was not there to compare."""
    compared: int = 0
    """Rows of other tables (entries, bodies, windows, movements, stays) that are what the chain says."""
    unproven: int = 0
    """Such rows of which the chain says too little: of an earlier release, or of which the payload was erased."""
    witnessed: int = 0
    """`seq` of the last row that a second place witnesses; 0: none was asked, or none holds any."""
    unwitnessed: int = 0
    """Rows after it, but those that only say that a checkpoint was written: what somebody who rules this host could still rewrite."""
    restored: tuple[Restoration, ...] = ()
    """Where rows were lost, and a person said so."""
    since: int = 0
    """Rows up to this one were left out: an earlier verification proved them. 0: all were read."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a pass begins: behind a row up to which an earlier pass has proven the chain."""

    seq: int = 0
    head: bytes = ZERO
    """Hash of row `seq`."""
    stack: tuple[bytes, ...] = ()
    """Of the Merkle tree over rows 1..seq, see Frontier."""
    checkpoint: int = 0
    tail: int = 0
    witnessed: int = 0
    unwitnessed: int = 0
    """These four as in Verified, at row `seq`."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What a pass found, and where the next may begin."""

    found: Verified
    end: Start


def verify(rows: Iterable[AuditRow], checkpoints: Iterable[Checkpoint] = (), verifier: Verifier | None = None) -> Verified:
    """As `prove`, from the first row and without witnesses."""
    return prove(rows, checkpoints, verifier).found


def prove(
    rows: Iterable[AuditRow],
    checkpoints: Iterable[Checkpoint] = (),
    verifier: Verifier | None = None,
    *,
    witnesses: Iterable[Witness] = (),
    start: Start | None = None,
    believes: Believes | None = None,
) -> Proven:
    """Check rows in order of seq, and every checkpoint and witness against them.

    `rows`: those behind `start`; None: from the first. Checkpoints and witnesses of rows before `start` are left out: the pass that made
    it held them.
    Raises IntegrityError naming the first broken row: a gap, a changed field, another payload; or a checkpoint that the chain does not
    meet, whose signature is wrong, or that lies beyond the chain's end (rows were cut off, or the database is older). `verifier` may be
    None only where there are no checkpoints. `believes`: whether a statement that rows were lost is the site's; None: no such is.
    """
    begin = start or Start()
    frontier, head = Frontier(begin.seq, begin.stack), begin.head
    pending = sorted((point for point in checkpoints if not begin.seq or point.seq >= begin.seq), key=lambda point: point.seq)
    for checkpoint in pending:
        if checkpoint.seq < 1 or verifier is None or not verifier(checkpoint.message(), checkpoint.signature):
            raise _broken(f"checkpoint {checkpoint.seq}", "its signature is not the site's")
    held = _Held(pending, sorted((one for one in witnesses if not begin.seq or one.seq >= begin.seq), key=lambda one: one.seq), begin)
    held.at(frontier, head)
    erased, restored = 0, list[Restoration]()
    for row in rows:
        if (lost := pass_gap(row, frontier, head, believes)) is not None:
            held.pass_lost(row.seq)
            restored.append(lost)
        seq = frontier.count + 1
        if row.seq != seq:
            raise _broken(f"row {seq}", f"is missing: row {row.seq} follows row {seq - 1}")
        if row.prev_hash != head:
            raise _broken(f"row {seq}", "is not linked to the row before it")
        if row.hash != link(head, seq, row.at, row.entry, row.revision, row.event, row.attempt, row.digest, row.target):
            raise _broken(f"row {seq}", "was changed: its hash is another")
        if row.payload is None:
            erased += 1
        elif digest(row.payload) != row.digest:
            raise _broken(f"row {seq}", "has another payload than the chain says")
        head = row.hash
        frontier.add(head)
        held.pass_row(row, frontier)
    held.finish(frontier.count)
    end = Start(frontier.count, head, tuple(frontier.stack), held.checkpoint, held.tail, held.witnessed, held.unwitnessed)
    seen = {"witnessed": end.witnessed, "unwitnessed": end.unwitnessed, "since": begin.seq}
    return Proven(Verified(end.seq, head, frontier.root(), end.checkpoint, end.tail, erased, restored=tuple(restored), **seen), end)


def pass_gap(row: AuditRow, frontier: Frontier, head: bytes, believes: Believes | None) -> Restoration | None:
    """Where a row says that those before it were lost: takes their places in the tree, and gives what it says. None for any other row.

    Raises IntegrityError where `believes` says that the site did not sign that.
    """
    if row.event != RESTORED or row.seq <= frontier.count + 1:
        return None
    lost = believed(row.seq, row.payload, frontier.count, head, believes)
    frontier.skip(row.seq - 1)
    return lost


class _Held:
    """Checkpoints and witnesses, in order of seq, held against the rows that go by."""

    def __init__(self, points: Sequence[Checkpoint], witnesses: Sequence[Witness], begin: Start) -> None:
        self._points, self._witnesses = deque(points), deque(witnesses)
        self.checkpoint, self.tail = begin.checkpoint, begin.tail
        self.witnessed, self.unwitnessed = begin.witnessed, begin.unwitnessed

    def pass_row(self, row: AuditRow, frontier: Frontier) -> None:
        """After a proven row."""
        self.tail += row.event != CHECKPOINT
        self.unwitnessed += row.event != CHECKPOINT
        self.at(frontier, row.hash)

    def pass_lost(self, seq: int) -> None:
        """Before row `seq`, in front of which rows were lost: what stands for one of them can't be held against anything."""
        while self._points and self._points[0].seq < seq:
            self._points.popleft()
        while self._witnesses and self._witnesses[0].seq < seq:
            self._witnesses.popleft()

    def at(self, frontier: Frontier, head: bytes) -> None:
        """What stands for the row that the frontier has reached."""
        seq = frontier.count
        while self._points and self._points[0].seq == seq:
            point = self._points.popleft()
            if point.head != head or point.root != frontier.root():
                raise _broken(f"checkpoint {seq}", "the chain was rewritten at or before this row")
            self.checkpoint, self.tail = seq, 0
        while self._witnesses and self._witnesses[0].seq == seq:
            one = self._witnesses.popleft()
            if one.head != head:
                raise _broken(f"row {seq}", f"{one.place} witnesses another chain: this one was rewritten at or before this row")
            self.witnessed, self.unwitnessed = seq, 0

    def finish(self, count: int) -> None:
        """After the last row."""
        beyond = [(point.seq, f"checkpoint {point.seq}", point.at, "a checkpoint") for point in self._points]
        beyond += [(one.seq, f"row {one.seq}", one.at, one.place) for one in self._witnesses]
        if beyond:
            seq, where, at, who = max(beyond)
            what = f"{who} of {at[:19]}Z speaks of row {seq}, and the chain ends at row {count}: {seq - count} rows were cut off"
            raise IntegrityError(what, field=f"audit {where}", remedy=CUT)


def _broken(where: str, what: str) -> IntegrityError:
    return IntegrityError(what, field=f"audit {where}", remedy="keep the database as it is and call the person in charge of security")
