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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from wince.errors import InputError, IntegrityError

CHECKPOINT = "checkpoint"
"""Event of a link that says that a checkpoint was written."""
ZERO = bytes(32)
"""What the first row is linked to."""
_SEPARATOR = b"\x1f"
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
        node, height = hashlib.sha256(b"\x00" + leaf).digest(), self.count
        self.count += 1
        while height & 1:
            node = hashlib.sha256(b"\x01" + self.stack.pop() + node).digest()
            height >>= 1
        self.stack.append(node)

    def root(self) -> bytes:
        """Merkle tree hash; of no leaves: sha256 of nothing."""
        if not self.stack:
            return hashlib.sha256(b"").digest()
        node = self.stack[-1]
        for left in reversed(self.stack[:-1]):
            node = hashlib.sha256(b"\x01" + left + node).digest()
        return node


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


def verify(rows: Iterable[AuditRow], checkpoints: Iterable[Checkpoint] = (), verifier: Verifier | None = None) -> Verified:
    """Check rows in order of seq, and every checkpoint against them.

    Raises IntegrityError naming the first broken row: a gap, a changed field, another payload; or a checkpoint that the chain
    does not meet, whose signature is wrong, or that lies beyond the chain's end (rows were cut off). `verifier` may be None
    only where there are no checkpoints.
    """
    pending = sorted(checkpoints, key=lambda checkpoint: checkpoint.seq)
    for checkpoint in pending:
        if checkpoint.seq < 1 or verifier is None or not verifier(checkpoint.message(), checkpoint.signature):
            raise _broken(f"checkpoint {checkpoint.seq}", "its signature is not the site's")
    frontier, head, erased, checked, tail = Frontier(), ZERO, 0, 0, 0
    for row in rows:
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
        tail += row.event != CHECKPOINT
        while pending and pending[0].seq == seq:
            checkpoint = pending.pop(0)
            if checkpoint.head != head or checkpoint.root != frontier.root():
                raise _broken(f"checkpoint {seq}", "the chain was rewritten at or before this row")
            checked, tail = seq, 0
    if pending:
        raise _broken(f"checkpoint {pending[0].seq}", f"lies beyond the chain's end, row {frontier.count}: rows were cut off")
    return Verified(frontier.count, head, frontier.root(), checked, tail, erased)


def _broken(where: str, what: str) -> IntegrityError:
    return IntegrityError(what, field=f"audit {where}", remedy="keep the database as it is and call the person in charge of security")
