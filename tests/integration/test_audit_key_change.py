"""The key of the audit trail is changed on purpose: what the old one signed still verifies, and nobody else is believed.

As docs/runbooks/rotate-keys.md has it: record is stopped, a person says so, key and file are set aside, record starts.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.trail_world import fill, owner_rewrites
from wince.errors import IntegrityError
from wince.store import checkpoint_file, checkpoints
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
