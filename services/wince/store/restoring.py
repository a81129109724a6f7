"""A person says that the database stands where it stood before, and the chain goes on behind every number that is known elsewhere.

`domain/restored.py` says why, and what is signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wince.domain import audit as chain
from wince.domain.audit import Verified, Witness
from wince.domain.restored import MARGIN, RESTORED, Restoration, read
from wince.errors import IntegrityError, MessageError, Unavailable
from wince.store import audit, checkpoint_file, checkpoints
from wince.store.audit_keys import signed_by, statements
from wince.store.covered.check import ChainComparison
from wince.store.database import Database, Tx

MOST = 10**15
"""Rows that a chain may have: what lies beyond is nobody's number, and the database could not keep it."""


def told(tx: Tx) -> list[Restoration]:
    """What was said so far, the first first; not verified."""
    rows = tx.execute(
        "SELECT a.seq, p.payload FROM audit a LEFT JOIN audit_payload p ON p.place = coalesce(a.payload, a.seq)"
        " WHERE a.event = %s ORDER BY a.seq",
        (RESTORED,),
    ).fetchall()
    return [found[0] for seq, payload in rows if (found := read(seq, payload)) is not None]


def restore(
    database: Database,
    file: Path,
    key: Ed25519PrivateKey,
    witnesses: Sequence[Witness],
    by: str,
    reason: str,
    at_us: int,
    site_keys: Sequence[str] = (),
) -> Restoration:
    """Verifies what stands, then appends the row behind which the chain goes on; what it says. `file`: of checkpoints. `site_keys` as for
    `audit_keys.statements`.

    Raises MessageError without a person or a reason; IntegrityError where what stands does not hold by itself, so was changed as well as
    being older, or where a second place names a row that can't be; Unavailable where somebody appended a row meanwhile.
    """
    for name, text in (("by", by), ("reason", reason)):
        if not text.strip():
            raise MessageError("must not be empty", field=name, remedy="say who, and why, without a patient's name")
    public = checkpoints.public_hex(key)
    points = checkpoint_file.read(file, public)
    stands = _stands(database, points, witnesses, public, site_keys)
    known = max([stands.count, *(point.seq for point in points), *(one.seq for one in witnesses)])
    if known > MOST:
        remedy = "look at what lies there, and call the person in charge of security"
        raise IntegrityError(f"a second place speaks of row {known}: no chain is so long", field="audit", remedy=remedy)
    said = Restoration(known + MARGIN, stands.count, stands.head, known, audit.utc(at_us), by.strip(), reason.strip())
    fact = audit.Fact(uuid4(), 1, RESTORED, 1, said.payload(key.sign(said.message())))
    with database.transaction() as tx:
        if audit.append(tx, [fact], at_us, beyond=(stands.count, stands.head, said.seq)) != said.seq:
            raise Unavailable("the chain grew meanwhile", field="audit", remedy="stop all services, then say it again")
    return said


def _stands(
    database: Database, points: Sequence[chain.Checkpoint], witnesses: Sequence[Witness], public: str, site_keys: Sequence[str]
) -> Verified:
    """The chain as it is, held against what is known of these rows. What is known of later ones must be the site's as well."""
    with database.transaction() as tx:
        row = tx.execute("SELECT coalesce(max(seq), 0) FROM audit").fetchone()
    count = int(row[0]) if row else 0
    verifier = signed_by(public)
    if any(not verifier(point.message(), point.signature) for point in points):
        raise IntegrityError(
            "a checkpoint is not signed by the site's key", field="checkpoints", remedy="compare with the copy of the file"
        )
    covered = ChainComparison(database)
    below = [point for point in points if point.seq <= count]
    seen = [one for one in witnesses if one.seq <= count]
    return chain.prove(covered.links(), below, verifier, witnesses=seen, believes=statements(public, site_keys, points)).found
