"""A protocol that graded is set no more: nurses still answer about its windows, and what it charted is still withdrawn."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.record_world import CAMERA, SITE, T0, US, FakeTarget, admit, change, question, stay, window
from tests.support.verdicts import verdict_id
from wince import codec
from wince.bus.memory import MemoryBus
from wince.bus.topics import ALL, CARE
from wince.care.postgres import PostgresCare
from wince.delivery.fhir.target import FhirTarget
from wince.domain.assessment import Assessment, Verdict
from wince.domain.census import Revision
from wince.domain.ids import assessment_id
from wince.errors import Refused
from wince.fhir.client import FhirClient
from wince.pipeline.record.sink import PostgresSink
from wince.protocols import loader
from wince.runners.record import Recording
from wince.serve import record
from wince.serve.service import Deps
from wince.settings import Settings
from wince.store.database import Database

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def evening(tmp_path: Path) -> Path:
    """A folder with a protocol of the site's own: `activity` under another name. It is not set."""
    text = (loader.SHIPPED / "activity.toml").read_text("utf-8").replace('name = "activity"', 'name = "evening"', 1)
    folder = tmp_path / "protocols"
    folder.mkdir()
    (folder / "evening.toml").write_text(text, "utf-8")
    return folder


def graded(database: Database, folder: Path) -> Assessment:
    """A window that the protocol graded while it was set, charted, and asked about."""
    admit(database, stay())
    made = replace(window(0, 1), id=assessment_id(SITE, CAMERA, "evening", T0), protocol="evening")
    protocols = {"evening": loader.load("evening", loader.folders(str(folder)))}
    PostgresSink(database, protocols, [FakeTarget()]).commit([made, question(made)])
    return made


def deps(database_dsn: str, folder: Path, tmp_path: Path, stack: ExitStack) -> Deps:
    settings = Settings(pg_dsn=database_dsn, protocol_dir=str(folder), state_dir=tmp_path / "state")
    return Deps(settings, stack, lambda _: MemoryBus())


def verdict(of: Assessment) -> Verdict:
    asked = question(of)
    return Verdict(verdict_id(of.id, "n", T0 + 60 * US), asked.id, of.id, "n", 2, T0 + 60 * US)


def test_a_nurse_s_answer_about_it_is_charted(database, database_dsn, evening, tmp_path):
    """One record that did not know it would come again for ever, and nothing of anybody would be charted."""
    made = graded(database, evening)
    with ExitStack() as stack:
        built = deps(database_dsn, evening, tmp_path, stack)
        (recording,) = [part for part in record.build(built).parts if isinstance(part, Recording)]
        built.bus.ensure_topics(ALL)
        recording.start()
        schema, value = codec.encode(verdict(made))
        built.bus.publish(CARE, CAMERA, value, {"schema": schema.encode()}).result()
        recording.stop()
        assert recording.failed() is None
    with database.transaction() as tx:
        assert tx.execute("SELECT kind, status FROM entry WHERE kind = 'verdict'").fetchall() == [("verdict", "final")]
        assert tx.execute("SELECT state FROM question").fetchall() == [("answered",)]


def test_what_it_charted_is_withdrawn_where_it_was_another_s(database, database_dsn, evening, tmp_path):
    """What can't be rendered is a dead letter, and the wrong patient would keep it."""
    graded(database, evening)
    change(database, Revision(supersede=(stay(),), recorded_us=T0 + US))
    with ExitStack() as stack:
        built = deps(database_dsn, evening, tmp_path, stack)
        target = FhirTarget("ehr", stack.enter_context(FhirClient("http://127.0.0.1:9/fhir")), built.protocols.recorded, version="1")
        PostgresSink(built.database, built.protocols.recorded, [target]).review()
    with database.transaction() as tx:
        rows = tx.execute("SELECT state, last_error, body FROM outbox WHERE target = 'ehr' AND revision = 2 ORDER BY made").fetchall()
    state, error, body = rows[0]
    assert (state, error) == ("ready", "")
    assert json.loads(body)["entry"][0]["resource"]["status"] == "entered-in-error"


def test_no_answer_is_taken_about_one_whose_file_is_gone(database, database_dsn, evening, tmp_path):
    """Record could not chart it."""
    made = graded(database, evening)
    (evening / "evening.toml").unlink()
    with ExitStack() as stack:
        built = deps(database_dsn, evening, tmp_path, stack)
        store = PostgresCare(built.database, built.protocols.recorded)
        with pytest.raises(Refused, match="'evening' is not there any more"):
            store.give(verdict(made), "n")
