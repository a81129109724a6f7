"""Backup and restore of the trail: pg_dump and pg_restore; a backup that is older than the checkpoints; how the chain goes on."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.integration.record_world import T0, US, FakeTarget, admit, stay, window
from tests.integration.trail_world import cut, fill, owner_rewrites
from tests.unit.cli.command import command
from wince.domain.audit import Witness
from wince.domain.restored import MARGIN
from wince.errors import IntegrityError, MessageError
from wince.local.postgres.installed import installed
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.store import audit, checkpoint_file, checkpoints, restoring, verification
from wince.store.checkpoints import Checkpointer, public_hex, signing_key, verify
from wince.store.database import Database

DAY = 86_400 * US


@pytest.fixture
def key(tmp_path: Path) -> Ed25519PrivateKey:
    return signing_key(tmp_path / "audit.pem")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "points.jsonl"


def program(name: str, *words: str) -> None:
    """One of PostgreSQL's own, with its own words where it fails."""
    done = subprocess.run([str(installed() / "bin" / name), *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def said_by_the_page(name: str) -> list[str]:
    """Options of a program in docs/how-to/upgrade-backup.md, but for those that name a place."""
    page = (Path(__file__).parents[2] / "docs/how-to/upgrade-backup.md").read_text("utf-8")
    (line,) = re.findall(rf"^ *{name} (--.*)$", page, re.MULTILINE)
    return [word for word in line.split() if re.fullmatch("--[a-z-]+(=custom)?", word)]


@contextmanager
def put_back(dsn: str, dump: Path) -> Iterator[Database]:
    """A dump in a database of its own, made, by the page's own words."""
    name = f"restored_{uuid4().hex}"
    with psycopg.connect(psycopg.conninfo.make_conninfo(dsn, dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0 STRATEGY file_copy")
        target = psycopg.conninfo.make_conninfo(dsn, dbname=name)
        program("pg_restore", *said_by_the_page("pg_restore"), f"--dbname={target}", str(dump))
        try:
            with Database(target) as database:
                yield database
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def dumped(database: Database, directory: Path) -> Path:
    """A backup, by the page's own words."""
    made = directory / "wince.dump"
    program("pg_dump", *said_by_the_page("pg_dump"), f"--file={made}", database.dsn)
    return made


def chart(database: Database, day: int) -> int:
    """One alert of a day, charted; how many entries came of it."""
    return len(PostgresSink(database, {"activity": load("activity")}, [FakeTarget()]).commit([window(0, 2, t0=T0 + day * DAY)]).entries)


def test_a_restored_dump_proves_the_chain_and_a_changed_one_does_not(
    database: Database, tmp_path: Path, key: Ed25519PrivateKey, file: Path
) -> None:
    admit(database, stay())
    assert chart(database, 0) == 1
    Checkpointer(database, file, key).stop()
    there = verify(database, file, public_hex(key))
    with put_back(database.dsn, dumped(database, tmp_path)) as again:
        found = verify(again, file, public_hex(key))
        assert (found.head, found.compared, found.tail) == (there.head, there.compared, 0)
        Checkpointer(again, file, key).stop()
        assert chart(again, 1) == 1
        owner_rewrites(again, 2, "unsaid")
        with pytest.raises(IntegrityError, match=r"rewritten|changed"):
            verify(again, file, public_hex(key), payloads=False)


def test_an_older_backup_is_named_by_numbers_and_record_goes_on_behind_them(
    database: Database, tmp_path: Path, key: Ed25519PrivateKey, file: Path
) -> None:
    """Rows behind the backup are lost. No number stands for two rows, and old checkpoints still prove what was before."""
    public = public_hex(key)
    admit(database, stay())
    chart(database, 0)
    Checkpointer(database, file, key).stop()
    dump = dumped(database, tmp_path)
    with database.transaction() as tx:
        kept = audit.append(tx, [], 0)
    chart(database, 1)
    fill(database, 5)
    Checkpointer(database, file, key).stop()
    newest = checkpoint_file.read(file)[-1].seq
    with put_back(database.dsn, dump) as again:
        lost = rf"speaks of row {newest}, and the chain ends at row {kept}: {newest - kept} rows were cut off"
        for look in (lambda: verify(again, file, public), lambda: Checkpointer(again, file, key)):
            with pytest.raises(IntegrityError, match=lost) as caught:
                look()
            assert "wince audit restored" in caught.value.remedy
        said = restoring.restore(again, file, key, [], "n-17", "the disk was lost", 0)
        assert (said.after, said.known, said.seq) == (kept, newest, newest + MARGIN)
        assert verify(again, file, public).restored == (said,)
        points = Checkpointer(again, file, key)
        assert chart(again, 1) == 1
        points.stop()
        found = verify(again, file, public)
        assert found.checkpoint > said.seq
        assert (found.tail, found.restored) == (0, (said,))
        Checkpointer(again, tmp_path / "of another replica", key, alone=False).stop()
        assert verify(again, tmp_path / "of another replica", public).restored == (said,)
        with again.transaction() as tx:
            tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
            tx.execute("UPDATE audit SET event = 'unsaid' WHERE seq = %s", (said.seq + 1,))
        with pytest.raises(IntegrityError, match="was changed"):
            verify(again, file, public)


def test_an_owner_of_the_database_can_not_say_that_rows_are_lost(
    database: Database, tmp_path: Path, key: Ed25519PrivateKey, file: Path
) -> None:
    """Without the site's key: neither by another's, nor by the site's own words about another row."""
    fill(database, 6)
    Checkpointer(database, file, key).stop()
    cut(database, 4)
    thief = signing_key(tmp_path / "thief.pem")
    restoring.restore(database, tmp_path / "none", thief, [], "n-17", "none", 0)
    for check in (lambda: verify(database, file, public_hex(key)), lambda: verify(database, file, public_hex(key), payloads=False)):
        with pytest.raises(IntegrityError, match="the site's key signed no statement"):
            check()
    cut(database, 4)
    restoring.restore(database, file, key, [], "n-17", "a backup", 0)
    assert verify(database, file, public_hex(key)).restored
    with database.transaction() as tx:  # the same statement, behind fewer rows
        tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
        tx.execute("DELETE FROM audit WHERE seq = 4")
    with pytest.raises(IntegrityError, match="was said of another row"):
        verify(database, file, public_hex(key))


def test_a_note_of_before_and_second_places_are_held_against_what_is_left(
    database: Database, tmp_path: Path, key: Ed25519PrivateKey, file: Path
) -> None:
    public = public_hex(key)
    fill(database, 6)
    Checkpointer(database, file, key).stop()
    proven = verification.verify(database, file, public)
    note = proven.note(0, None)
    witness = Witness(9, b"x" * 32, "a bucket", "2026-11-30T00:00:00.000000Z")
    cut(database, 4)
    with pytest.raises(IntegrityError, match=r"an earlier verification proved row 7, and the chain ends at row 4") as caught:
        verification.verify(database, file, public, since=note)
    assert "wince audit restored" in caught.value.remedy
    with pytest.raises(IntegrityError, match=re.escape("a bucket of 2026-11-30T00:00:00Z speaks of row 9")):
        verification.verify(database, tmp_path / "none", public, witnesses=[witness])
    said = restoring.restore(database, file, key, [witness], "n-17", "a backup", 0)
    assert (said.after, said.known) == (4, 9)
    fill(database, 2)
    Checkpointer(database, file, key).stop()
    later = verification.verify(database, file, public, witnesses=[witness])
    assert later.found.restored == (said,)
    fill(database, 1)
    again = verification.verify(database, file, public, witnesses=[witness], since=later.note(0, None))
    assert again.found.count == said.seq + 4


def test_a_standby_promoted_under_a_running_record_is_seen_at_once(database: Database, key: Ed25519PrivateKey, file: Path) -> None:
    """Not only when its chain has grown beyond the rows that it lacks; and after the statement, record takes up the chain."""
    fill(database, 6)
    points = Checkpointer(database, file, key)
    cut(database, 4)
    for _ in range(2):  # fewer rows than before; as many, and others
        with pytest.raises(IntegrityError, match="the row is not there any more") as caught:
            points.tick(force=True)
        assert "`wince audit restored`" in caught.value.remedy
        fill(database, 2)
    restoring.restore(database, file, key, [], "n-17", "promoted", 0)
    assert Checkpointer(database, file, key).tick(force=True) is not None


def test_a_second_place_that_names_a_row_far_away_holds_nothing_up(database: Database, key: Ed25519PrivateKey, file: Path) -> None:
    """Whoever may write there can name any number: one that no chain has is refused, and any other costs nothing."""
    fill(database, 3)
    far, beyond = (Witness(seq, b"x" * 32, "a bucket", "2026-11-30T00:00:00.000000Z") for seq in (10**12 - 1, 10**18))
    with pytest.raises(IntegrityError, match=f"speaks of row {10**18}: no chain is so long"):
        restoring.restore(database, file, key, [far, beyond], "n-17", "a backup", 0)
    said = restoring.restore(database, file, key, [far], "n-17", "a backup", 0)
    assert said.known == 10**12 - 1
    Checkpointer(database, file, key).stop()
    assert verify(database, file, public_hex(key)).restored == (said,)


def test_what_was_changed_as_well_is_not_waved_through(database: Database, key: Ed25519PrivateKey, file: Path) -> None:
    fill(database, 6)
    Checkpointer(database, file, key).tick(force=True)
    fill(database, 6)
    Checkpointer(database, file, key).stop()
    cut(database, 8)
    owner_rewrites(database, 2, "unsaid")
    with pytest.raises(IntegrityError, match="rewritten"):
        restoring.restore(database, file, key, [], "n-17", "a backup", 0)
    with pytest.raises(MessageError):
        restoring.restore(database, file, key, [], "n-17", " ", 0)


def test_where_nobody_knows_a_lost_row_numbers_are_left_out_all_the_same(database: Database, key: Ed25519PrivateKey, file: Path) -> None:
    """A promoted standby: what the primary wrote behind its last checkpoint may have been seen by watchers and by the EHR."""
    fill(database, 3)
    checkpoints.Checkpointer(database, file, key).stop()
    with database.transaction() as tx:
        last = audit.append(tx, [], 0)
    said = restoring.restore(database, file, key, [], "n-17", "promoted", 0)
    assert (said.after, said.known, said.seq) == (last, last, last + MARGIN)
    fill(database, 1)
    assert verify(database, file, public_hex(key)).count == said.seq + 1


def test_the_commands_say_what_is_lost_and_who_said_so(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WINCE_PG_DSN", database.dsn)
    monkeypatch.setenv("WINCE_STATE_DIR", str(tmp_path))
    places = Places.of(Settings(state_dir=tmp_path))
    key = signing_key(places.audit_key)
    fill(database, 6)
    Checkpointer(database, places.checkpoints, key).stop()
    cut(database, 4)
    with contextmanager(command)(monkeypatch, capsys) as wince:
        found = wince("audit", "verify")
        assert found.code == 9
        assert "speaks of row 6, and the chain ends at row 4: 2 rows were cut off" in found.err
        assert "`wince audit restored`" in found.err
        said = wince("audit", "restored", "--by", "n-17", "--reason", "a backup of the night")
        assert said.code == 0, said.err
        assert "rows 5 to 6 of the audit trail are lost" in said.out
        again = wince("audit", "verify")
        assert again.code == 0, again.err
        assert "audit chain verified (5 entries)" in again.out
        assert f"rows 5 to 6 were lost and the chain goes on with row {6 + MARGIN}, says n-17" in again.out
        assert "a backup of the night" in again.out
