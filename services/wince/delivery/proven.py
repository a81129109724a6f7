"""Whether what lies in the outbox is what was charted: the audit chain is asked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from wince.domain import proof
from wince.domain.audit import digest
from wince.store.database import Tx

_ASK = """
SELECT a.entry, a.revision, a.digest, p.payload, e.body, q.body
FROM audit a
LEFT JOIN audit_payload p ON p.place = coalesce(a.payload, a.seq)
LEFT JOIN entry e ON e.id = a.entry AND e.revision = a.revision
LEFT JOIN question q ON q.id = a.entry
WHERE a.entry = ANY(%s) AND a.target IN ('', %s) AND a.event = ANY(%s)
"""


def unproven(tx: Tx, target: str, bodies: Mapping[tuple[UUID, int], str]) -> set[tuple[UUID, int]]:
    """Of these (entry, revision), those whose body for the target the chain does not prove.

    A payload that was erased is put together again from the entry, or the question, that it is about.
    """
    if not bodies:
        return set()
    links = tx.execute(_ASK, ([entry for entry, _ in bodies], target, list(proof.CHARTED))).fetchall()
    proven = {
        (entry, revision)
        for entry, revision, proof_, payload, *texts in links
        if (entry, revision) in bodies and _proves(bytes(proof_), payload, texts, bodies[entry, revision])
    }
    return set(bodies) - proven


def _proves(link: bytes, payload: str | None, texts: list[str | None], body: str) -> bool:
    if link == digest(body):  # as an earlier release wrote it
        return True
    if payload is not None:
        found = proof.said(payload)
        return found is not None and digest(payload) == link and found.body == proof.hexed(body)
    return any(digest(proof.of_entry(text, body)) == link for text in texts if text is not None)
