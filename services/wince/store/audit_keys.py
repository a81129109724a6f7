"""Whose signatures the audit trail believes: the site's key, and the keys that it had before or has since.

A checkpoint counts by the key of its file alone. A statement that rows were lost (`domain/restored.py`) stays in the chain when the key
is changed, so it may be another key's. An old key may have leaked, so its statements count only where it was in use: before the first
checkpoint of the key that is verified with. That checkpoint covers them, and every row before it, so nothing can be added there since.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wince.domain.audit import Checkpoint, Verifier
from wince.domain.restored import Believes, Restoration


def signed_by(public_key: str) -> Verifier:
    """Believes the signatures of this key (raw bytes as hex); empty: none."""
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)) if public_key else None

    def verifier(message: bytes, signature: bytes) -> bool:
        if key is None:
            return False
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return verifier


def statements(public_key: str, site_keys: Sequence[str], points: Sequence[Checkpoint]) -> Believes:
    """Believes statements that rows were lost: of `public_key` (hex) wherever they stand; of an earlier key before all `points`, of a later
    key behind all of them.

    `site_keys`: public halves in the order in which the site used them. `public_key` is the newest where it is not among them. `points`:
    all checkpoints of `public_key` that are known.
    """
    keys = list(dict.fromkeys(one.lower() for one in (*site_keys, public_key) if one))
    own = keys.index(public_key.lower()) if public_key else len(keys)
    earlier, later = ([signed_by(one) for one in some] for some in (keys[:own], keys[own + 1 :]))
    verifier = signed_by(public_key)
    seqs = [point.seq for point in points]

    def believes(said: Restoration, signature: bytes) -> bool:
        usable = [verifier]
        if not seqs or said.seq < min(seqs):
            usable += earlier
        if not seqs or said.seq > max(seqs):
            usable += later
        return any(one(said.message(), signature) for one in usable)

    return believes
