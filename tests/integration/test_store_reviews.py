"""What record is asked to look at again, in the transaction that changes who lay where."""

from dataclasses import replace

import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, change, stay
from wince.domain.binding import Doubt
from wince.domain.census import Revision
from wince.domain.stay import Watch
from wince.store import doubts, reviews
from wince.store.database import Database
from wince.store.stays import save_watches

FROM = T0 - 3600 * US
Row = tuple[list[str], list[str], int, int | None, str]


def asked(database: Database) -> list[Row]:
    with database.transaction() as tx:
        found = tx.execute("SELECT beds, sources, from_us, to_us, why FROM review ORDER BY id").fetchall()
        tx.execute("DELETE FROM review")
    return [(row[0], row[1], row[2], row[3], row[4]) for row in found]


def test_a_movement_asks_for_the_span_in_which_others_lie(database: Database) -> None:
    change(database, Revision(add=(stay(),), recorded_us=FROM))
    assert asked(database) == [([BED], [], FROM, None, "census")]
    change(database, Revision(supersede=(stay(),), add=(replace(stay(), end_us=T0, recorded_us=T0),), recorded_us=T0))
    assert asked(database) == [([BED], [], T0, None, "census")]
    change(database, Revision())
    assert asked(database) == []


def test_a_camera_asks_from_its_move_on_and_once(database: Database) -> None:
    row = Watch(CAMERA, BED, T0, None, T0)
    save_watches(database, [row])
    assert asked(database) == [([], [CAMERA], T0, None, "camera")]
    save_watches(database, [row])
    assert asked(database) == []
    save_watches(database, [replace(row, end_us=T0 + US)])
    assert asked(database) == [([], [CAMERA], T0, None, "camera")]


def test_what_was_refused_asks_for_nothing(database: Database) -> None:
    def refused() -> None:
        with database.transaction() as tx:
            reviews.ask(tx, from_us=0, why="test")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        refused()
    with database.transaction() as tx:
        reviews.ask(tx, from_us=5, to_us=5, why="test")
        assert not reviews.waiting(tx)
        reviews.ask(tx, from_us=5, to_us=6, why="test")
        assert reviews.waiting(tx)


def test_a_doubt_asks_when_it_begins_and_when_it_ends(database: Database) -> None:
    with database.transaction() as tx:
        number = doubts.begin(tx, BED, T0, "silent")
        assert doubts.overlapping(tx, [BED], T0 - US, T0) == []
        assert doubts.overlapping(tx, [BED], T0 - US, T0 + 1) == [Doubt(BED, T0, None, "silent")]
        assert doubts.overlapping(tx, ["ICU^2^A"], T0, None) == []
    assert asked(database) == [([BED], [], T0, None, "trust")]
    with database.transaction() as tx:
        doubts.end(tx, number, T0 + 60 * US)
        doubts.end(tx, number, T0 - 60 * US)
        assert doubts.overlapping(tx, [BED], 0, None) == []
        doubts.end(tx, 99, T0)
    assert asked(database) == [([BED], [], T0 + 60 * US, None, "trust"), ([BED], [], T0, T0 + 60 * US, "trust")]
