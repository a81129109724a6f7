"""The key of the audit trail is changed on purpose: what the old one signed still verifies, and nobody else is believed.

As docs/runbooks/rotate-keys.md has it: record is stopped, a person says so, key and file are set aside, record starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.integration.trail_world import cut, fill, owner_rewrites
from tests.unit.cli.command import command
from wince.bus.memory import MemoryBus
from wince.clients.record import RecordClient
from wince.errors import IntegrityError
from wince.rpc.config import RpcSettings
from wince.serve import process
from wince.serve.service import Deps
from wince.settings import Settings
from wince.store import checkpoint_file, checkpoints, restoring, verification
from wince.store.checkpoints import Checkpointer, public_hex, signing_key
from wince.store.database import Database


@pytest.fixture
def changed(database: Database, tmp_path: Path) -> tuple[Path, str, Path, str]:
    """(old file, old public key, new file, new public key) of a chain whose key was changed."""
    old_key, old = signing_key(tmp_path / "old.pem"), tmp_path / "old.jsonl"
    fill(database, 5)
    Checkpointer(database, old, old_key).stop()
    fill(database, 5)
    Checkpointer(database, old, old_key).stop()
    checkpoints.give_up(database, "n4711", "key changed on schedule", 0)
    key, file = signing_key(tmp_path / "new.pem", database), tmp_path / "new.jsonl"
    fill(database, 5)
    Checkpointer(database, file, key).stop()
    return old, public_hex(old_key), file, public_hex(key)


def test_the_new_key_proves_everything(database: Database, changed: tuple[Path, str, Path, str]) -> None:
    """The first checkpoint of the new key covers the whole chain, what came before it too."""
    _, _, file, key = changed
    assert checkpoints.verify(database, file, key).tail == 0
    owner_rewrites(database, 3, "unsaid")
    with pytest.raises(IntegrityError):
        checkpoints.verify(database, file, key)


def test_what_the_old_key_signed_still_verifies(database: Database, changed: tuple[Path, str, Path, str]) -> None:
    old, key, _, new = changed
    found = checkpoints.verify(database, old, key)
    assert found.tail > 0
    with pytest.raises(IntegrityError, match="another key"):
        checkpoints.verify(database, old, new)
    owner_rewrites(database, 3, "unsaid")
    with pytest.raises(IntegrityError):
        checkpoints.verify(database, old, key)


def test_an_old_file_that_was_cut_is_an_alarm(database: Database, changed: tuple[Path, str, Path, str]) -> None:
    old, key, _, _ = changed
    old.write_text(old.read_text().splitlines(keepends=True)[0])
    with pytest.raises(IntegrityError, match="ends with a checkpoint"):
        checkpoints.verify(database, old, key)


def test_a_file_that_the_chain_never_knew_is_an_alarm(database: Database, changed: tuple[Path, str, Path, str], tmp_path: Path) -> None:
    """Somebody else's checkpoint of an early row fits the chain; that makes it no old file of ours."""
    old, _, _, _ = changed
    thief, forged = signing_key(tmp_path / "thief.pem"), tmp_path / "forged.jsonl"
    early = checkpoint_file.read(old)[0]
    checkpoint_file.append(forged, replace(early, signature=thief.sign(early.message())), public_hex(thief))
    with pytest.raises(IntegrityError, match="ends with a checkpoint"):
        checkpoints.verify(database, forged, public_hex(thief))


class Restored:
    """A chain that goes on from an older backup, whose key was changed on purpose afterwards."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.old_key, self.old = signing_key(folder / "old.pem"), folder / "old.jsonl"
        self.before = public_hex(self.old_key)
        fill(database, 6)
        Checkpointer(database, self.old, self.old_key).stop()
        cut(database, 4)
        self.said = self.say(self.old, self.old_key)
        fill(database, 2)
        Checkpointer(database, self.old, self.old_key).stop()
        checkpoints.give_up(database, "n4711", "key changed on schedule", 0)
        self.key, self.file = signing_key(folder / "keys" / "audit.pem", database), folder / "audit-checkpoints.jsonl"
        self.public = public_hex(self.key)

    def say(self, file: Path, key: Ed25519PrivateKey, site_keys: tuple[str, ...] = ()) -> restoring.Restoration:
        return restoring.restore(self.database, file, key, [], "n-17", "a backup", 0, site_keys)

    def starts(self) -> None:
        """Record, with the new key."""
        Checkpointer(self.database, self.file, self.key, site_keys=[self.before]).stop()

    def verify(self) -> tuple[restoring.Restoration, ...]:
        return verification.verify(self.database, self.file, self.public, site_keys=[self.before]).found.restored


@pytest.fixture
def restored(database: Database, tmp_path: Path) -> Restored:
    return Restored(database, tmp_path)


def test_what_an_earlier_key_said_of_lost_rows_stays_valid(restored: Restored) -> None:
    """At the next start, in a whole verification, behind a note, and where the database is restored once more. Not unless it is named."""
    database = restored.database
    with pytest.raises(IntegrityError, match="the site's key signed no statement") as caught:
        Checkpointer(database, restored.file, restored.key)
    assert "audit_earlier_keys" in caught.value.remedy
    restored.starts()
    assert restored.verify() == (restored.said,)
    with pytest.raises(IntegrityError, match="the site's key signed no statement"):
        checkpoints.verify(database, restored.file, restored.public)
    note = verification.verify(database, restored.file, restored.public, site_keys=[restored.before]).note(0, None)
    fill(database, 3)
    restored.starts()
    again = verification.verify(database, restored.file, restored.public, since=note, site_keys=[restored.before])
    assert again.found.since == note.start.seq
    cut(database, restored.said.seq + 1)
    later = restored.say(restored.file, restored.key, (restored.before,))
    assert restored.verify() == (restored.said, later)
    old = verification.verify(database, restored.old, restored.before, site_keys=[restored.before, restored.public])
    assert old.found.restored == (restored.said, later)


def test_an_earlier_key_says_nothing_any_more_once_the_new_one_has_signed(restored: Restored) -> None:
    """An old key that leaked cuts no rows off: neither those that the new key has signed, nor those behind."""
    restored.starts()
    fill(restored.database, 3)
    newest = checkpoint_file.read(restored.file)[-1].seq
    for seq in (newest + 3, newest - 1):
        cut(restored.database, seq)
        restored.say(restored.folder / "none", restored.old_key)
        for payloads in (True, False):
            with pytest.raises(IntegrityError, match="the site's key signed no statement"):
                checkpoints.verify(restored.database, restored.file, restored.public, payloads=payloads, site_keys=[restored.before])
        with pytest.raises(IntegrityError, match="the site's key signed no statement"):
            restored.starts()


def test_nobody_else_is_believed_where_an_earlier_key_is(restored: Restored) -> None:
    cut(restored.database, 4)
    thief = signing_key(restored.folder / "thief.pem")
    restored.say(restored.folder / "none", thief)
    with pytest.raises(IntegrityError, match="the site's key signed no statement"):
        restored.starts()


def test_the_commands_know_the_earlier_keys_by_the_setting(
    restored: Restored, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    restored.starts()
    monkeypatch.setenv("WINCE_PG_DSN", restored.database.dsn)
    monkeypatch.setenv("WINCE_STATE_DIR", str(restored.folder))
    with contextmanager(command)(monkeypatch, capsys) as wince:
        assert wince("audit", "verify").code == 9
        monkeypatch.setenv("WINCE_AUDIT_EARLIER_KEYS", f'["{restored.before.upper()}"]')
        done = wince("audit", "verify")
        assert (done.code, done.err) == (0, "")
        assert "were lost and the chain goes on with row" in done.out
        monkeypatch.setenv("WINCE_CHECKPOINT_FILE", str(restored.old))
        assert wince("audit", "verify", "--key", restored.before).code == 0
        monkeypatch.setenv("WINCE_AUDIT_EARLIER_KEYS", '["none"]')
        wrong = wince("audit", "verify")
        assert (wrong.code, "64 hexadecimal digits" in wrong.err) == (4, True)


def test_record_starts_and_verifies_with_the_earlier_keys_of_its_settings(restored: Restored) -> None:
    """`wince serve record`, and what it answers on the wire."""
    given = Settings(pg_dsn=restored.database.dsn, state_dir=restored.folder)

    @contextmanager
    def recording(settings: Settings) -> Iterator[process.Running]:
        with ExitStack() as stack:
            one = process.Running(process.build("record", Deps(settings, stack, lambda _: MemoryBus())), settings)
            stack.callback(one.stop)
            one.start()
            yield one

    with pytest.raises(IntegrityError, match="the site's key signed no statement"), recording(given):
        pass
    with (
        recording(given.model_copy(update={"audit_earlier_keys": (restored.before,)})) as one,
        RecordClient([f"127.0.0.1:{one.port}"], RpcSettings()) as client,
    ):
        assert client.verify().count > restored.said.seq
