"""A chain that goes on from an older state: a backup was restored, or a standby promoted that lacked the last rows.

Rows behind that state are lost, and their numbers with them: checkpoints, second places, watchers and the EHR may know them. So the chain
goes on with a number beyond every one that is known, by a row (event `restored`) that a person asks for. It says behind which row the lost
ones began, and is signed with the site's key, which is not in the database: else an owner of the database could cut rows off and say so
much. In the Merkle tree each lost number is a leaf of 32 zero bytes, so a row's number stays its place among the leaves.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from wince import canonical
from wince.errors import IntegrityError

RESTORED = "restored"
"""Event of the row."""
MARGIN = 100_000
"""Numbers that are left out behind the newest that is known: rows behind the last checkpoint are known to nobody."""
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Restoration:
    """What was lost, and where the chain goes on."""

    seq: int
    """Number of the row that says so."""
    after: int
    """Last row before it; 0: none was left."""
    head: bytes
    """Hash of that row."""
    known: int
    """Newest row that was known elsewhere when it was said: by a checkpoint, or at a second place."""
    at: str
    """When it was said, as text, UTC."""
    by: str
    reason: str

    def message(self) -> bytes:
        """The bytes that are signed."""
        said = (
            *("wince audit restored 1", str(self.seq), str(self.after), self.head.hex(), str(self.known), self.at, self.by),
            self.reason,
        )
        return canonical.text(list(said)).encode()

    def payload(self, signature: bytes) -> str:
        """The row's payload."""
        said = {"after": self.after, "head": self.head.hex(), "known": self.known, "at": self.at, "by": self.by, "reason": self.reason}
        return canonical.text({**said, "signature": signature.hex()})


def read(seq: int, payload: str | None) -> tuple[Restoration, bytes] | None:
    """The statement of a row with that number, and its signature; None where it is none."""
    try:
        said = json.loads(payload or "")
        texts = (str(said[name]) for name in ("at", "by", "reason"))
        return Restoration(seq, int(said["after"]), bytes.fromhex(said["head"]), int(said["known"]), *texts), bytes.fromhex(
            said["signature"]
        )
    except _UNREADABLE:
        return None


Believes = Callable[[Restoration, bytes], bool]
"""believes(statement, signature): True where the site signed it."""


def believed(seq: int, payload: str | None, after: int, head: bytes, believes: Believes | None) -> Restoration:
    """The statement of a row that follows row `after` (hash `head`) and leaves numbers out.

    Raises IntegrityError where it isn't the site's, or speaks of another row than the one before it. `believes` None: none is.
    """
    found = read(seq, payload)
    if found is None or believes is None or not believes(*found):
        why = "the site's key signed no statement that the rows before it are lost"
    elif (found[0].after, found[0].head) != (after, head):
        why = "what it says of lost rows was said of another row"
    else:
        return found[0]
    where = f"audit row {after + 1}"
    remedy = (
        "did an earlier audit key sign it? Then name its public half in audit_earlier_keys. If not: keep the database as it is and call the"
        " person in charge of security"
    )
    raise IntegrityError(f"is missing: row {seq} follows row {after}, and {why}", field=where, remedy=remedy)
