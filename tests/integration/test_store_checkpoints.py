"""Signed checkpoints beside the chain: what was rewritten, cut, taken away or exchanged is found."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.trail_world import facts, fill, owner_rewrites
from wince.domain.audit import Checkpoint
from wince.errors import ConfigError, IntegrityError, MessageError, ResourceError
from wince.store import checkpoint_file, checkpoints
from wince.store.audit import append
from wince.store.checkpoints import Checkpointer, public_hex, signing_key
from wince.store.database import Database


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "audit.pem"


def test_an_owner_who_rewrites_the_whole_chain_is_found_by_the_checkpoint(database: Database, tmp_path: Path, key_file: Path) -> None:
    """Without checkpoints the rewritten chain holds; with one it doesn't; rows after the last checkpoint are named as uncovered."""
    key = signing_key(key_file)
    file = tmp_path / "points.jsonl"
    fill(database, 20)
    checkpointer = Checkpointer(database, file, key, rows=10)
    checkpointer.stop()
    fill(database, 5)
    owner_rewrites(database, 23, "unsaid")
    assert checkpoints.verify(database, file, public_hex(key)).tail == 5
    owner_rewrites(database, 7, "unsaid")
    with pytest.raises(IntegrityError, match="holds none"):
        checkpoints.verify(database, tmp_path / "none", public_hex(key))
    with pytest.raises(IntegrityError, match="rewritten"):
        checkpoints.verify(database, file, public_hex(key))
    with pytest.raises(IntegrityError):
        Checkpointer(database, file, key)


def test_rows_cut_from_the_end_are_found(database: Database, tmp_path: Path, key_file: Path) -> None:
    key, file = signing_key(key_file), tmp_path / "points.jsonl"
    fill(database, 4)
    Checkpointer(database, file, key).stop()
    with database.transaction() as tx:
        tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
        tx.execute("DELETE FROM audit WHERE seq >= 4")
        tx.execute("DELETE FROM audit_payload WHERE place NOT IN (SELECT coalesce(payload, seq) FROM audit)")
    with pytest.raises(IntegrityError, match="cut off"):
        checkpoints.verify(database, file, public_hex(key))


def test_another_key_does_not_convince(database: Database, tmp_path: Path, key_file: Path) -> None:
    """Whoever rewrites chain and checkpoints with a key of their own is not believed."""
    fill(database, 2)
    Checkpointer(database, tmp_path / "points.jsonl", signing_key(tmp_path / "thief.pem")).stop()
    with pytest.raises(IntegrityError, match="another key"):
        checkpoints.verify(database, tmp_path / "points.jsonl", public_hex(signing_key(key_file)))


def test_checkpoints_come_every_n_rows_and_at_the_end(database: Database, tmp_path: Path, key_file: Path) -> None:
    file = tmp_path / "points.jsonl"
    checkpointer = Checkpointer(database, file, signing_key(key_file), rows=10, seconds=3600)
    fill(database, 9)
    assert checkpointer.tick() is None
    fill(database, 1)
    point = checkpointer.tick()
    assert point is not None
    assert point.seq == 10
    fill(database, 1)
    checkpointer.stop()
    checkpointer.stop()
    assert [item.seq for item in checkpoint_file.read(file)] == [10, 12]


@pytest.fixture
def signed(database: Database, tmp_path: Path, key_file: Path) -> Path:
    """A file with three checkpoints."""
    file, key = tmp_path / "points.jsonl", signing_key(key_file)
    for _ in range(3):
        fill(database, 2)
        Checkpointer(database, file, key).stop()
    assert len(checkpoint_file.read(file)) == 3
    return file


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines(keepends=True)


SPOILED: dict[str, Callable[[Path], object]] = {
    "deleted": lambda file: file.unlink(),
    "emptied": lambda file: file.write_text(""),
    "cut": lambda file: file.write_text("".join(_lines(file)[:-1])),
    "only its last line but one": lambda file: file.write_text(_lines(file)[1]),
    "a broken line": lambda file: file.write_text("".join(_lines(file)[:-1]) + "x\n" + _lines(file)[-1]),
    "garbage at the end": lambda file: file.write_text("".join(_lines(file)) + "x\n"),
    "another key": lambda file: file.write_text(file.read_text().replace('"key": "', '"key": "0')),
    "an older time": lambda file: file.write_text("".join([_lines(file)[0].replace('"at": "2', '"at": "3'), *_lines(file)[1:]])),
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_file_of_checkpoints_that_was_spoiled_is_an_alarm(database: Database, signed: Path, key_file: Path, how: str) -> None:
    """Nothing starts again by itself: the chain says which checkpoints were written."""
    SPOILED[how](signed)
    fill(database, 2)
    with pytest.raises(IntegrityError):
        checkpoints.verify(database, signed, public_hex(signing_key(key_file)))
    with pytest.raises(IntegrityError):
        Checkpointer(database, signed, signing_key(key_file))


def test_a_person_gives_up_what_is_lost(database: Database, signed: Path, key_file: Path) -> None:
    """Then Wince signs from here on, with a new key too, and the chain says who said so."""
    signed.unlink()
    key_file.unlink()
    with pytest.raises(ConfigError, match="not here"):
        signing_key(key_file, database)
    with pytest.raises(MessageError, match="empty"):
        checkpoints.give_up(database, "n7", " ", 0)
    checkpoints.give_up(database, "n7", "disk lost", 0)
    key = signing_key(key_file, database)
    Checkpointer(database, signed, key).stop()
    assert checkpoints.verify(database, signed, public_hex(key)).tail == 0
    with database.transaction() as tx:
        assert [(by, why) for _, by, why in checkpoint_file.given_up(tx)] == [("n7", "disk lost")]


def test_another_replica_begins_a_file_of_its_own(database: Database, signed: Path, key_file: Path, tmp_path: Path) -> None:
    """Both files verify; neither replica takes the other's file for a missing one."""
    key, other = signing_key(key_file), tmp_path / "other.jsonl"
    Checkpointer(database, other, key, alone=False).stop()
    fill(database, 1)
    Checkpointer(database, other, key, alone=False).stop()
    Checkpointer(database, signed, key, alone=False).stop()
    for file in (signed, other):
        assert checkpoints.verify(database, file, public_hex(key)).checkpoint > 6


@pytest.mark.parametrize("also", ["", "given up"])
def test_a_replica_whose_disk_comes_back_after_long_goes_on(
    database: Database, signed: Path, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, also: str
) -> None:
    """Record was scaled down; the others signed more checkpoints meanwhile than are looked at. Or their disk was lost, and given up."""
    monkeypatch.setattr(checkpoint_file, "_LATEST", 2)
    key, other = signing_key(key_file), tmp_path / "other.jsonl"
    for _ in range(2):
        fill(database, 1)
        Checkpointer(database, other, key, alone=False).stop()
    if also:
        checkpoints.give_up(database, "n7", "disk lost", 0)
    for _ in range(4):
        fill(database, 1)
        Checkpointer(database, signed, key, alone=False).stop()
    kept = other.read_text()
    other.write_text("".join(f"{line}\n" for line in kept.splitlines()[:-1]))
    with pytest.raises(IntegrityError):  # but not where its end was cut off
        Checkpointer(database, other, key, alone=False)
    other.write_text(kept)
    fill(database, 1)
    Checkpointer(database, other, key, alone=False).stop()
    for file in (signed, other):
        assert checkpoints.verify(database, file, public_hex(key)).checkpoint > 6
    assert checkpoints.verify(database, other, public_hex(key)).tail == 0


def test_a_quiet_chain_is_not_signed_again_and_again(database: Database, signed: Path, key_file: Path) -> None:
    """The link that says that a checkpoint was written waits for none itself."""
    clock = iter(range(10**6))
    signer = Checkpointer(database, signed, signing_key(key_file), seconds=0, clock=lambda: next(clock))
    assert [signer.tick(force=True) for _ in range(3)] == [None] * 3
    signer.stop()
    assert len(checkpoint_file.read(signed)) == 3


def test_a_clock_that_is_set_back_makes_no_older_checkpoint(database: Database, signed: Path, key_file: Path) -> None:
    fill(database, 1)
    Checkpointer(database, signed, signing_key(key_file), clock=lambda: 0).stop()
    points = checkpoint_file.read(signed)
    assert points[-1].at == points[-2].at


def test_a_checkpoint_cut_short_by_a_crash_spoils_nothing(database: Database, tmp_path: Path, key_file: Path) -> None:
    file, key = tmp_path / "points.jsonl", signing_key(key_file)
    fill(database, 1)
    Checkpointer(database, file, key).stop()
    with open(file, "a") as handle:
        handle.write('{"seq": 2, "hea')
    fill(database, 1)
    Checkpointer(database, file, key).stop()
    assert checkpoints.verify(database, file, public_hex(key)).tail == 0
    assert len(checkpoint_file.read(file)) == 2


def test_a_broken_chain_ends_the_signer_and_a_full_disk_does_not(database: Database, tmp_path: Path, key_file: Path) -> None:
    """As a part of a process: what may pass is tried again, a changed row is its failure; no checkpoint is signed over it."""
    fill(database, 1)
    key, file = signing_key(key_file), tmp_path / "points.jsonl"
    full = Checkpointer(database, tmp_path / "file" / "points.jsonl", key, rows=1, every_s=0.01)
    (tmp_path / "file").touch()
    full.start()
    signer = Checkpointer(database, file, key, rows=1, every_s=0.01)
    signer.start()
    until(lambda: [item.seq for item in checkpoint_file.read(file)] == [1])
    assert (full.failed(), signer.failed()) == (None, None)
    with database.transaction() as tx:
        tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
    with database.transaction() as tx:
        append(tx, facts(1), 0)
        tx.execute("UPDATE audit SET digest = %s WHERE seq = (SELECT max(seq) FROM audit)", (b"x" * 32,))
    until(signer.failed)
    until(full.failed)
    assert isinstance(signer.failed(), IntegrityError)
    assert isinstance(full.failed(), IntegrityError)
    with pytest.raises(IntegrityError):
        signer.stop()
    assert [item.seq for item in checkpoint_file.read(file)] == [1]


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_signing_key_is_ours_alone(key_file: Path) -> None:
    key = signing_key(key_file)
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert public_hex(signing_key(key_file)) == public_hex(key)
    key_file.chmod(0o644)
    with pytest.raises(ConfigError, match="other users"):
        signing_key(key_file)
    key_file.write_text("no key")
    key_file.chmod(0o600)
    with pytest.raises(ConfigError, match="Ed25519"):
        signing_key(key_file)


def test_checkpoints_that_cannot_be_written_are_a_named_error(database: Database, tmp_path: Path, key_file: Path) -> None:
    fill(database, 1)
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError):
        Checkpointer(database, tmp_path / "file" / "points.jsonl", signing_key(key_file)).stop()


def test_a_line_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "points").write_text(json.dumps({"seq": 1}) + "\n")
    with pytest.raises(IntegrityError, match="line 1"):
        checkpoint_file.read(tmp_path / "points")


def test_a_checkpoint_that_is_written_while_all_is_verified_is_no_alarm(
    database: Database, signed: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Record signs once a minute beside `wince audit verify`, whose file was read before that; the same for `wince status`."""
    signer = Checkpointer(database, signed, signing_key(key_file), rows=1)
    read = checkpoint_file.read

    def read_then_sign(file: Path, key: str = "") -> list[Checkpoint]:
        points = read(file, key)
        fill(database, 1)
        assert signer.tick(force=True) is not None
        return points

    monkeypatch.setattr(checkpoint_file, "read", read_then_sign)
    assert checkpoints.verify(database, signed, public_hex(signing_key(key_file))).checkpoint > 0
    with database.transaction() as tx:
        said = checkpoint_file.chain_checkpoints(tx)
    assert checkpoint_file.missing(signed, checkpoint_file.read(signed), said) == 0


def test_a_replica_that_died_before_the_chain_knew_its_first_checkpoint_starts(
    database: Database, signed: Path, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file stands; the other replica signed on meanwhile."""
    key, other = signing_key(key_file), tmp_path / "other.jsonl"
    fill(database, 1)
    with monkeypatch.context() as died:
        died.setattr(Checkpointer, "_tell", lambda *_: None)
        Checkpointer(database, other, key, alone=False).stop()
    fill(database, 1)
    Checkpointer(database, signed, key, alone=False).stop()
    with pytest.raises(IntegrityError):
        checkpoints.verify(database, other, public_hex(key))
    Checkpointer(database, other, key, alone=False).stop()
    assert checkpoints.verify(database, other, public_hex(key)).tail == 0
