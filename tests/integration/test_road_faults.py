"""What fails while the road runs: the EHR in every way, the database's server killed; nothing is lost, nothing doubled."""

import json
import os
import signal

import pytest

from wince import settings
from wince.runtime import play, scenario
from wince.runtime.embedded import Embedded

AT = play.moment("2026-01-05T08:00:00Z")


@pytest.fixture
def loaded(state_dir, monkeypatch):
    monkeypatch.setenv("WINCE_STATE_DIR", str(state_dir / "state"))
    return settings.load()


def one_bed() -> scenario.Scenario:
    return scenario.Scenario(scenario.bundled().beds[:1])


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "status", "on": "create", "status": 429, "retry_after_s": 1, "count": 2},
        {"effect": "status", "on": "any", "status": 503, "count": 4},
        {"effect": "status", "on": "create", "status": 409, "count": 2},
        {"effect": "status", "on": "create", "status": 401, "count": 1},
        {"effect": "drop", "on": "any", "count": 3},
        {"effect": "commit_then_drop", "on": "create", "count": 2},
    ],
    ids=lambda fault: f"{fault['effect']}-{fault.get('status', '')}",
)
def test_an_ehr_that_fails_for_a_while(loaded, fault):
    """Every entry arrives, once."""
    done = play.play(loaded, one_bed(), AT, lambda *_: None, admitted=lambda road: road.sandbox.faults.add(**fault))
    assert done.observations == len(done.entries) == done.in_ehr > 0
    assert done.undelivered == 0


def test_an_ehr_that_refuses(loaded):
    """422 is a dead letter: it is counted, the rest goes on, and the audit chain holds."""
    done = play.play(
        loaded, one_bed(), AT, lambda *_: None, admitted=lambda road: road.sandbox.faults.add("status", on="create", status=422, count=1)
    )
    assert done.undelivered == 1
    assert done.observations == len(done.entries) - 1


def test_the_database_killed_in_the_middle(loaded):
    """kill -9 of the postmaster after the first window: it is started again, and every window is committed once."""
    roads: list[Embedded] = []
    killed = []

    def on_event(event, fields):
        if event == "window" and not killed:
            pid = roads[0].server.postmaster()
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    done = play.play(loaded, one_bed(), AT, on_event, admitted=roads.append)
    assert killed
    assert done.beds[0].windows == 5
    assert done.observations == len(done.entries) == done.in_ehr


def test_a_dead_letter_is_replayed(loaded, capsys):
    """What was refused is listed with the answer's codes, replayed by its id, sent by the next run, and then it is there once."""
    from typer.testing import CliRunner

    from wince.cli.main import app

    refused = play.play(
        loaded, one_bed(), AT, lambda *_: None, admitted=lambda road: road.sandbox.faults.add("status", on="create", status=422, count=1)
    )
    assert refused.undelivered == 1
    listing = json.loads(CliRunner().invoke(app, ["outbox", "list", "--json"]).stdout)
    (letter,) = listing["dead"]
    assert letter["detail"].startswith("422")
    answer = CliRunner().invoke(app, ["outbox", "replay", letter["entry"]])
    assert answer.exit_code == 0, answer.output
    again = play.play(loaded, one_bed(), AT, lambda *_: None)
    assert again.undelivered == 0
    assert again.observations == len(again.entries) == again.in_ehr
