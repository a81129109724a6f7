"""A message that can't be written stops its own camera alone: it is kept, told and tried again; nothing is lost, others go on."""

import hashlib
import json
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.integration.record_world import BED, CAMERA, FakeTarget, admit, alert, stay
from tests.integration.review_world import NOW, PROTOCOLS, seen, sink, standing, window
from wince.cli.common import author
from wince.cli.main import build
from wince.codec.registry import encode
from wince.domain.assessment import Assessment
from wince.domain.audit import verify
from wince.domain.stay import Watch
from wince.errors import Refused, Unavailable
from wince.pipeline.record.sink import PostgresSink
from wince.rpc.errors import NotFound
from wince.runners.record import Writer
from wince.store import asides, audit
from wince.store.database import Database
from wince.store.stays import save_watches

OTHER = "cam-2"
KILLED = """
import os, sys
from tests.integration.test_record_aside import poisoned, writer
from tests.integration.review_world import seen
from wince.pipeline.record import aside
from wince.store.database import Database
real = aside.set_aside
def killed(*given):
    real(*given)
    os.kill(os.getpid(), 9)
aside.set_aside = killed
writer(Database(sys.argv[1])).write([*seen("cam-2", [1]), poisoned(1)])
"""


def poisoned(minute: int) -> Assessment:
    """Its protocol is not loaded."""
    return replace(window(CAMERA, minute), protocol="nothing")


def writer(database: Database, protocols: object = PROTOCOLS) -> Writer:
    return Writer(PostgresSink(database, protocols, [FakeTarget()], clock=lambda: NOW), lambda: None)  # type: ignore[arg-type]


@pytest.fixture
def two(database: Database) -> Database:
    admit(database, stay("V1"), stay("V2", bed="ICU^2^A"))
    save_watches(database, [Watch(OTHER, "ICU^2^A", 0, None, 0)])
    assert BED
    return database


def listed(database: Database) -> list[tuple[str, int]]:
    with database.transaction() as tx:
        return [(one.source, one.messages) for one in asides.listed(tx)]


def due(database: Database) -> None:
    with database.transaction() as tx:
        assert asides.again(tx, CAMERA)


def test_one_camera_is_set_aside_and_the_other_is_written(two: Database) -> None:
    writer(two).write([*seen(CAMERA, [0]), poisoned(1), *seen(OTHER, [1])])
    assert standing(two, OTHER) == {1: ["V2"]}
    assert (standing(two, CAMERA), listed(two)) == ({}, [(CAMERA, 3)])
    writer(two).write([*seen(CAMERA, [2]), *seen(OTHER, [2])])
    assert listed(two) == [(CAMERA, 5)]
    assert standing(two, OTHER) == {1: ["V2"], 2: ["V2"]}
    assert Counter(row.event for row in audit.rows(two))["set_aside"] == 1
    assert verify(audit.rows(two, payloads=True)).erased == 0


def test_it_is_tried_again_in_order_up_to_what_does_not_go(two: Database) -> None:
    writer(two).write([*seen(CAMERA, [0]), poisoned(1), *seen(CAMERA, [2])])
    due(two)
    writer(two).tend()
    assert (standing(two, CAMERA), listed(two)) == ({0: ["V1"]}, [(CAMERA, 3)])
    writer(two).tend()
    assert listed(two) == [(CAMERA, 3)], "not before its time"
    due(two)
    repaired = PROTOCOLS | {"nothing": PROTOCOLS["activity"]}
    writer(two, repaired).tend()
    assert (standing(two, CAMERA), listed(two)) == ({0: ["V1"], 2: ["V1"]}, [])
    writer(two).write(seen(CAMERA, [3]))
    assert 3 in standing(two, CAMERA)


def test_what_stays_wrong_is_given_up_by_a_persons_word(two: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One message, once it is known to be the wrong one; what is behind it is written."""
    monkeypatch.setenv("WINCE_PG_DSN", two.dsn)

    def dropped(*more: str) -> Result:
        return CliRunner().invoke(build(["outbox"]), ["outbox", "drop", CAMERA, "--reason", "protocol withdrawn", "--by", "n7", *more])

    assert isinstance(dropped().exception, NotFound)
    writer(two).write([*seen(CAMERA, [0]), poisoned(1), *seen(CAMERA, [2])])
    assert isinstance(dropped().exception, Refused), "the first of five, which is right, was the one to go"
    assert listed(two) == [(CAMERA, 5)]
    due(two)
    writer(two).tend()
    assert dropped("--reason", " ").exit_code != 0
    done = dropped()
    assert (done.exit_code, done.stdout) == (0, f"given up: one Assessment of {CAMERA}; 2 behind it\n")
    assert isinstance(dropped().exception, Refused)
    writer(two).tend()
    assert (standing(two, CAMERA), listed(two)) == ({0: ["V1"], 2: ["V1"]}, [])
    (row,) = [row for row in audit.rows(two, payloads=True) if row.event == "aside.dropped"]
    content = hashlib.sha256(encode(poisoned(1))[1]).hexdigest()
    said = {"by": author("n7"), "content": content, "message": "Assessment", "reason": "protocol withdrawn", "source": CAMERA}
    assert json.loads(row.payload) == said


def test_what_the_database_refuses_is_poison_and_one_that_is_away_is_not(two: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with two.transaction() as tx:
        tx.execute("ALTER TABLE assessment ADD CHECK (source <> 'cam-1')")
    writer(two).write([window(CAMERA, 0), *seen(OTHER, [1])])
    assert (listed(two), standing(two, OTHER)) == ([(CAMERA, 1)], {1: ["V2"]})

    def away(*_: object) -> None:
        raise Unavailable("gone", field="database")

    monkeypatch.setattr("wince.pipeline.record.sink.write", away)
    with pytest.raises(Unavailable):
        writer(two).write(seen(OTHER, [2]))
    assert listed(two) == [(CAMERA, 1)]


def test_kill_9_between_loses_nothing(two: Database, database_dsn: str) -> None:
    """The replica dies right after it set the camera aside, before that is committed; its successor gets the batch again."""
    done = subprocess.run([sys.executable, "-c", KILLED, database_dsn], capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
    assert listed(two) == []
    writer(two).write([*seen(OTHER, [1]), poisoned(1)])
    writer(two).write([alert(poisoned(1)), *seen(OTHER, [2])])
    assert (listed(two), standing(two, OTHER)) == ([(CAMERA, 2)], {1: ["V2"], 2: ["V2"]})
    assert sink(two).commit(seen(OTHER, [1])).taken == 0
