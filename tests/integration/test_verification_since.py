"""Verification behind what an earlier one proved: what it finds, what only a whole one finds, and that its note can't be made up."""

import json
from pathlib import Path

import pytest

from tests.integration.record_world import T0, US, FakeTarget, admit, alert, stay, window
from tests.integration.trail_world import fill, owner_rewrites
from wince.care.retention import Limits, Retention
from wince.domain.audit import prove
from wince.errors import IntegrityError
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import audit, verification
from wince.store.checkpoints import Checkpointer, public_hex, signing_key
from wince.store.database import Database
from wince.store.verification import Note, read_note, verify, write_note

PROTOCOLS = {"activity": load("activity")}


class Site:
    """A chain with checkpoints, and the note of what was verified."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.file, self.kept = database, folder / "points.jsonl", folder / "note.json"
        self.key = signing_key(folder / "keys" / "audit.pem")
        self.public = public_hex(self.key)

    def grow(self, rows: int) -> None:
        fill(self.database, rows)
        Checkpointer(self.database, self.file, self.key).stop()

    def since(self) -> verification.Pass:
        """As `wince audit verify --since-last`."""
        before = read_note(self.kept, self.public)
        done = verify(self.database, self.file, self.public, since=before)
        write_note(self.kept, done.note(1_000_000, before), self.key)
        return done

    def note(self) -> Note:
        found = read_note(self.kept, self.public)
        assert found is not None
        return found


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Site:
    made = Site(database, tmp_path)
    made.grow(20)
    return made


def test_it_says_what_a_whole_one_says(site: Site) -> None:
    """Head, root, checkpoint and tail are those of all rows; the note keeps when all were read."""
    assert site.since().found.since == 0
    site.grow(7)
    fill(site.database, 4)
    found, whole = site.since().found, verify(site.database, site.file, site.public).found
    assert found.since == 21
    assert (found.count, found.head, found.root, found.checkpoint, found.tail) == (
        whole.count, whole.head, whole.root, whole.checkpoint, whole.tail,
    )  # fmt: skip
    assert found.tail == 4
    assert site.note().full_seq == 21
    assert site.since().found.tail == 4, "nothing new is no change"


def test_what_came_since_is_looked_at(site: Site) -> None:
    site.since()
    fill(site.database, 5)
    with site.database.transaction() as tx:
        tx.execute("UPDATE audit_payload SET payload = 'forged' WHERE place = (SELECT coalesce(payload, seq) FROM audit WHERE seq = 24)")
    with pytest.raises(IntegrityError, match="another payload"):
        site.since()


def test_a_payload_that_went_without_an_erasure_is_found(site: Site) -> None:
    site.since()
    fill(site.database, 5)
    with site.database.transaction() as tx:
        tx.execute("DELETE FROM audit_payload WHERE place = (SELECT coalesce(payload, seq) FROM audit WHERE seq = 24)")
    with pytest.raises(IntegrityError, match="no erasure says so"):
        site.since()


def test_an_older_row_is_left_to_the_whole_one(site: Site) -> None:
    """What an earlier verification proved is believed; the chain up to there can't be exchanged all the same."""
    site.since()
    with site.database.transaction() as tx:
        tx.execute("UPDATE audit_payload SET payload = 'forged' WHERE place = (SELECT coalesce(payload, seq) FROM audit WHERE seq = 4)")
    site.since()
    with pytest.raises(IntegrityError, match="another payload"):
        verify(site.database, site.file, site.public)


def test_a_chain_that_was_rewritten_before_is_found(site: Site) -> None:
    """Whoever makes a whole new chain changes the row that was proven last."""
    site.since()
    owner_rewrites(site.database, 7, "unsaid")
    with pytest.raises(IntegrityError, match="another hash"):
        site.since()


@pytest.mark.parametrize("what", ["seq", "signature", "garbage", "another key"])
def test_a_note_that_was_made_up_is_an_alarm(site: Site, tmp_path: Path, what: str) -> None:
    site.since()
    said = json.loads(site.kept.read_text())
    if what == "seq":
        said["verified"]["full_seq"] = 999
    elif what == "signature":
        said["signature"] = "00" * 64
    site.kept.write_text("{" if what == "garbage" else json.dumps(said))
    if what == "another key":
        write_note(site.kept, Note(**_fields(site)), signing_key(tmp_path / "thief.pem"))
    with pytest.raises(IntegrityError, match="note"):
        site.since()


def _fields(site: Site) -> dict[str, object]:
    note = verify(site.database, site.file, site.public).note(0, None)
    return {name: getattr(note, name) for name in Note.__slots__}


@pytest.fixture
def ward(database: Database, tmp_path: Path) -> tuple[Site, PostgresSink]:
    """A bed whose entries go to two targets; all of it verified."""
    admit(database, stay())
    sink = PostgresSink(database, PROTOCOLS, [FakeTarget(), FakeTarget(name="second")], clock=lambda: T0 + 3600 * US)
    sink.commit([window(0, 2), alert(window(0, 2))])
    made = Site(database, tmp_path)
    made.grow(1)
    made.since()
    sink.commit([window(120, 2), alert(window(120, 2))])
    return made, sink


def test_records_of_new_links_are_compared_and_counted(ward: tuple[Site, PostgresSink]) -> None:
    """Also where the last row that was proven lies between the links of one entry, one for each target."""
    site, _ = ward
    with site.database.transaction() as tx:
        charted = tx.execute("SELECT seq FROM audit WHERE event = 'charted' AND seq > 3 ORDER BY seq").fetchall()
    assert site.since().found.compared >= 3
    whole = verify(site.database, site.file, site.public)
    for (seq,) in charted:
        part = _until(site, seq)
        assert verify(site.database, site.file, site.public, since=part).found.count == whole.found.count
    with site.database.transaction() as tx:
        tx.execute("UPDATE entry SET status = 'final' WHERE assessment = %s", (window(120, 2).id,))
    site.since()  # it was proven before it was changed
    with pytest.raises(IntegrityError, match="not what was charted"):
        verify(site.database, site.file, site.public)


@pytest.mark.parametrize("table", ["entry", "assessment", "alert"])
def test_a_row_that_went_without_a_link_is_counted(ward: tuple[Site, PostgresSink], table: str) -> None:
    """Also a row that was proven earlier."""
    site, _ = ward
    with site.database.transaction() as tx:
        tx.execute("DELETE FROM outbox WHERE entry IN (SELECT id FROM entry WHERE start_us = %s)", (window(0).start_us,))
        assert tx.execute(f"DELETE FROM {table} WHERE start_us = %s".encode(), (window(0).start_us,)).rowcount
    with pytest.raises(IntegrityError) as failed:
        site.since()
    assert failed.value.field == f"{table} table"


def test_an_erasure_in_between_is_no_alarm(ward: tuple[Site, PostgresSink]) -> None:
    """It takes rows of earlier links away: tables are not counted that time, and are the next."""
    site, sink = ward
    with site.database.transaction() as tx:
        tx.execute("UPDATE outbox SET state = 'written'")
    done = Retention(site.database, lambda: T0 + 100 * 86_400 * US).run(Limits(assessments=30), "n7")
    assert done.entries
    site.since()
    sink.commit([window(240, 2)])
    site.since()
    assert verify(site.database, site.file, site.public).found.unproven == 0


def _until(site: Site, seq: int) -> Note:
    """As a verification would have left it that saw the chain up to a row, and the entries of then."""
    rows = [row for row in audit.rows(site.database) if row.seq <= seq]
    end = prove(rows, []).end
    told = {(row.entry, row.revision) for row in rows if row.event == "charted"}
    return Note(end, {"entry": len(told)}, "", 0, "")
