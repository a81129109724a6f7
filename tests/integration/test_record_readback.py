"""Read-back: what a target shows is sampled, compared, audited where it differs, and told until it is right again."""

from __future__ import annotations

import json

from tests.integration.record_world import FakeTarget
from tests.integration.test_record_delivery import charted, delivering
from wince.delivery import readback
from wince.delivery.interface import Answer, Outcome, Result, Shown
from wince.serve import record
from wince.serve.status.interface import Look, State
from wince.serve.status.outbox import outbox
from wince.settings import Settings
from wince.store import audit
from wince.store.database import Database
from wince.telemetry import metrics


class Chart(FakeTarget):
    """A target that can be read."""

    def __init__(self) -> None:
        super().__init__(name="chart")
        self.shown: dict[str, Shown] = {}
        self.read: list[str] = []

    def shows(self, body: str, location: str, version: str) -> Shown:
        entry = json.loads(body)["id"]
        assert location == f"Observation/{entry}"
        self.read.append(entry)
        return self.shown.get(entry, Shown(Result.SAME, (), version))


def test_a_difference_is_audited_once_and_stands_until_it_is_right(database: Database) -> None:
    chart = Chart()
    made = charted(database, chart)
    with delivering(database, chart) as running:  # type: ignore[arg-type]
        assert running.drain(60)
    assert [item.shown.result for item in readback.run(database, chart, 4)] == [Result.SAME] * 4
    assert {str(entry.id) for entry in made} == set(chart.read)
    assert not [row for row in audit.rows(database) if row.event == "readback"]
    wrong = str(made[2].id)
    chart.shown[wrong] = Shown(Result.DIFFERS, ("status", "subject"), "3")
    for _ in range(2):
        readback.run(database, chart, 4)
    [told] = [row for row in audit.rows(database, payloads=True) if row.event == "readback"]
    assert (str(told.entry), told.target) == (wrong, "chart")
    record.backlog(database, ["chart"], 0)
    assert metrics.REGISTRY.get_sample_value("wince_read_back_differs", {"target": "chart"}) == 1
    look = Look(Settings(), None, 0, database)  # type: ignore[arg-type]
    [row] = [row for row in outbox(look) if row.what == "chart chart"]
    assert (row.state, row.figures["differs"], "status subject" in row.reason) == (State.BAD, 1, True)
    chart.shown[wrong] = Shown(Result.UNKNOWN)
    readback.run(database, chart, 4)
    with database.transaction() as tx:
        assert len(readback.differences(tx)) == 1, "no answer says nothing"
    del chart.shown[wrong]
    readback.run(database, chart, 4)
    with database.transaction() as tx:
        assert readback.differences(tx) == []
    assert len([row for row in audit.rows(database) if row.event == "readback"]) == 2


def test_replicas_share_a_turn_and_a_held_target_is_left_alone(database: Database) -> None:
    chart = Chart()
    charted(database, chart)
    with delivering(database, chart) as running:  # type: ignore[arg-type]
        assert running.drain(60)
    for _ in range(3):
        record.read_back(database, [chart], 24)
    assert len(chart.read) == 2, "24 an hour: two each five minutes"
    record.read_back(database, [chart], 0)
    with database.transaction() as tx:
        tx.execute("INSERT INTO target_hold(target, detail) VALUES ('chart', 'x')")
    assert readback.run(database, chart, 4) == []
    assert len(chart.read) == 2


def test_what_was_not_written_is_not_read(database: Database) -> None:
    chart = Chart()
    chart.script = lambda _number, _entry: Answer(Outcome.DEAD, "422")
    charted(database, chart, grades=1)
    with delivering(database, chart) as running:  # type: ignore[arg-type]
        assert running.drain(60)
    assert readback.run(database, chart, 4) == []
