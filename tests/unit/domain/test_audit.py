"""The chain shows every change, and what was rewritten in one piece shows against a checkpoint from outside."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.domain.audit import ZERO, AuditRow, Checkpoint, Frontier, Verified, digest, link, verify
from wince.errors import InputError, IntegrityError

KEY = b"the site's key"


def sign(checkpoint: Checkpoint) -> Checkpoint:
    return replace(checkpoint, signature=hashlib.sha256(KEY + checkpoint.message()).digest())


def verifier(message: bytes, signature: bytes) -> bool:
    return hashlib.sha256(KEY + message).digest() == signature


def chain(count: int, tag: str = "") -> list[AuditRow]:
    rows, head = [], ZERO
    for seq in range(1, count + 1):
        payload = f'{{"n":{seq},"tag":"{tag}"}}'
        made = link(head, seq, "2026-01-01T00:00:00Z", UUID(int=seq), 1, "charted", 0, digest(payload))
        rows.append(AuditRow(seq, "2026-01-01T00:00:00Z", UUID(int=seq), 1, "charted", 0, digest(payload), head, made, payload))
        head = made
    return rows


def checkpoint(rows: list[AuditRow], seq: int) -> Checkpoint:
    frontier = Frontier()
    for row in rows[:seq]:
        frontier.add(row.hash)
    return sign(Checkpoint(seq, rows[seq - 1].hash, frontier.root(), "2026-01-01T00:01:00Z"))


def merkle(leaves: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, as written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + merkle(leaves[:k]) + merkle(leaves[k:])).digest()


def test_the_hash_is_as_written() -> None:
    """The formula of the module, spelled out."""
    entry = UUID(int=7)
    wanted = hashlib.sha256(ZERO + b"\x1f1\x1fnow\x1f" + str(entry).encode() + b"\x1f2\x1fwritten\x1f3\x1f" + digest("x")).digest()
    assert link(ZERO, 1, "now", entry, 2, "written", 3, digest("x")) == wanted


@given(st.integers(0, 70))
def test_frontier_is_the_tree_of_the_rfc(count: int) -> None:
    leaves = [bytes([n]) * 32 for n in range(count)]
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    assert frontier.root() == merkle(leaves)
    assert Frontier(frontier.count, frontier.stack).root() == frontier.root()


@given(st.integers(0, 40), st.integers(0, 300))
def test_lost_numbers_are_leaves_of_zeros(before: int, lost: int) -> None:
    leaves = [bytes([n]) * 32 for n in range(before)]
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    frontier.skip(before + lost)
    frontier.add(b"x" * 32)
    assert frontier.count == before + lost + 1
    assert frontier.root() == merkle([*leaves, *[ZERO] * lost, b"x" * 32])


def test_no_number_of_lost_rows_takes_time() -> None:
    frontier = Frontier(1, [ZERO])
    frontier.skip(10**15)
    assert Frontier(10**15, frontier.stack).root() == frontier.root()


def test_an_untouched_chain() -> None:
    rows = chain(10)
    found = verify(rows, [checkpoint(rows, 4), checkpoint(rows, 8)], verifier)
    assert (found.count, found.checkpoint, found.tail, found.erased, found.head) == (10, 8, 2, 0, rows[-1].hash)
    assert verify([]) == Verified(0, ZERO, hashlib.sha256(b"").digest(), 0, 0, 0)


def test_an_erased_payload_breaks_nothing_and_is_counted() -> None:
    rows = chain(3)
    rows[1] = replace(rows[1], payload=None)
    assert verify(rows).erased == 1


@given(st.integers(0, 9), st.sampled_from(["at", "entry", "revision", "event", "attempt", "digest", "prev_hash", "hash", "payload", "seq"]))
def test_any_changed_field_names_its_row(index: int, field: str) -> None:
    rows = chain(10)
    old = getattr(rows[index], field)
    new = {str: lambda: old + "!", int: lambda: old + 1, bytes: lambda: old[::-1], UUID: lambda: UUID(int=99)}[type(old)]()
    if new == old:
        return
    rows[index] = replace(rows[index], **{field: new})
    with pytest.raises(IntegrityError) as caught:
        verify(rows)
    assert caught.value.field == f"audit row {index + 1}"


def test_left_out_swapped_and_cut_off_rows() -> None:
    rows = chain(6)
    with pytest.raises(IntegrityError, match="row 4 follows row 2"):
        verify(rows[:2] + rows[3:])
    with pytest.raises(IntegrityError):
        verify([rows[1], rows[0], *rows[2:]])
    with pytest.raises(IntegrityError, match="cut off"):
        verify(rows[:5], [checkpoint(rows, 6)], verifier)
    assert verify(rows[:5]).count == 5, "without a checkpoint a shorter chain can't be told"


def test_a_rewritten_chain_meets_the_checkpoint() -> None:
    """Whoever owns the database computes the chain anew, whole and consistent: the copy outside tells."""
    mark = checkpoint(chain(6), 5)
    forged = chain(6, "forged")
    assert verify(forged).count == 6
    with pytest.raises(IntegrityError) as caught:
        verify(forged, [mark], verifier)
    assert caught.value.field == "audit checkpoint 5"


def test_a_checkpoint_must_be_signed() -> None:
    rows = chain(3)
    for bad in (replace(checkpoint(rows, 2), at="later"), replace(checkpoint(rows, 2), signature=b"")):
        with pytest.raises(IntegrityError, match="signature"):
            verify(rows, [bad], verifier)
    with pytest.raises(IntegrityError, match="signature"):
        verify(rows, [checkpoint(rows, 2)])


def test_separators_are_refused() -> None:
    with pytest.raises(InputError):
        link(ZERO, 1, "now\x1f1", UUID(int=1), 1, "x", 0, digest(""))
    with pytest.raises(InputError):
        link(b"short", 1, "now", UUID(int=1), 1, "x", 0, digest(""))
