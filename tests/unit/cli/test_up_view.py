"""What `wince up` shows: a line for each change, or live tables."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest
from rich.console import Console

from wince.cli.common import out
from wince.cli.up_view import LineView, TableView
from wince.serve.status.collect import Status
from wince.serve.status.interface import Row, State


def camera(state: State = State.OK, reason: str = "", *, rate: float = 5.0, name: str = "cam-1") -> Row:
    figures = {"frames_per_second": rate, "state": "running" if state is State.OK else "connecting"}
    return Row("cameras", name, state, f"{rate} frames a second", 0.2, reason, reason and "look at it", figures)


def target(waiting: int = 0, held: int = 0) -> Row:
    return Row("outbox", "ehr", State.OK, f"{waiting} wait", figures={"waiting": waiting, "leased": 0, "held": held, "stuck": 0, "dead": 0})


HOLD = Row("outbox", "ehr hold", State.BAD, "held", 60.0, "403 forbidden", "give the client its right back")


def seen(*rows: Row) -> Status:
    return Status(0, rows)


def test_a_line_for_each_change_and_none_for_what_runs_on(capsys: pytest.CaptureFixture[str]) -> None:
    with LineView(Console(width=200, color_system=None), as_json=False) as view:
        view.told("record", "ready")
        view.up({"record": 7425}, None)
        for rate in (5.0, 4.8, 5.1):
            view.saw(seen(camera(rate=rate), target(waiting=round(rate))))
        view.saw(seen(camera(State.BAD, "login"), target(3), HOLD))
        view.saw(seen(camera(State.BAD, "login"), target(4, 2), HOLD))
        view.saw(seen(camera(), target()))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["record     ready", "up: record 127.0.0.1:7425; Ctrl-C drains and stops"]
    assert [line.split(";")[0] for line in lines[2:]] == [
        "camera cam-1 ok: 5.0 frames a second",
        "camera cam-1 bad: 5.0 frames a second",
        "outbox ehr hold bad: held",
        "camera cam-1 ok: 5.0 frames a second",
        "outbox ehr hold ok: is no more",
    ]
    assert "login" in lines[3]
    assert "remedy: give the client its right back" in lines[4]


def test_json_has_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with LineView(Console(), as_json=True) as view:
        view.told("record", "ready")
        view.up({"record": 7425}, "http://127.0.0.1:1/fhir")
        view.saw(seen(camera(State.BAD, "login")))
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said[0] == {"event": "ready", "who": "record"}
    assert said[1] == {"event": "up", "ports": {"record": 7425}, "ehr": "http://127.0.0.1:1/fhir"}
    assert said[2] | {"event": "bad", "who": "camera cam-1", "reason": "login", "remedy": "look at it"} == said[2]


def test_the_tables_show_services_cameras_and_deliveries() -> None:
    console = Console(width=160, color_system=None, force_terminal=True, record=True)
    view = TableView(console)
    view.told("database", "ready")
    view.told("record", "started")
    with console.capture() as begun:
        console.print(view.render())
    assert "started" in begun.get()
    assert "is starting" in begun.get()
    view.up({"record": 7425}, None)
    record = Row("services", "record", State.OK, "serves at 127.0.0.1:7425", 120.0, figures={"restarts": 2})
    view.saw(seen(record, camera(), target(3, 7), HOLD, Row("written", "ehr", State.OK, figures={"written": 41})))
    with console.capture() as shown:
        console.print(view.render())
    lines = {line.split()[0]: line.split() for line in shown.get().splitlines() if line.strip()}
    assert lines["record"][1:] == ["serves", "127.0.0.1:7425", "2", "2", "min"]
    assert lines["cam-1"][1:] == ["running", "0.2", "s", "ago", "5.0"]
    assert lines["ehr"][1:5] == ["3", "41", "7", "0"]
    assert "403 forbidden" in shown.get()
    view.told("all", "drains")
    view.told("record", "stopped")
    with console.capture() as drained:
        console.print(view.render())
    assert "stopped" in drained.get()
    assert "serves" not in drained.get()


PROGRAM = """
import time
from wince.cli.common import out
from wince.cli.up_view import LineView, TableView
assert out.is_terminal
with TableView(out) as view:
    view.told("record", "started")
    time.sleep(0.6)
    view.up({"record": 7425}, None)
    time.sleep(0.6)
"""


def test_on_a_terminal_the_picture_is_drawn_in_its_place() -> None:
    """A pseudo-terminal: the cursor goes up, and what stood there is drawn over."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        said, deadline = b"", time.monotonic() + 60
        while time.monotonic() < deadline and (process.poll() is None or select.select([ours], [], [], 0)[0]):
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    said += os.read(ours, 65536)
                except OSError:
                    break
        assert process.wait(10) == 0, said.decode(errors="replace")
    os.close(ours)
    text = said.decode(errors="replace")
    assert "is starting" in text
    assert "everything serves" in text
    assert "\x1b[1A" in text
    assert "127.0.0.1:7425" in text


def test_forty_columns_hold_whole_words() -> None:
    """What can be spared isn't shown; no service's name, state or number is broken."""
    console = Console(width=40, color_system=None)
    view = TableView(console)
    names = ("hospital", "estimate", "database")
    for name in names:
        view.told(name, "is started again")
    view.up(dict.fromkeys(names, 7423), None)
    view.saw(seen(camera(), target(), HOLD))
    with console.capture() as held:
        console.print(view.render())
    text = held.get()
    assert "127.0.0.1" not in text
    for whole in (*names, "restarts", "running", "waiting", "held", "dead"):
        assert re.search(rf"\b{whole}\b", text), text


def test_where_hl7_is_taken_is_shown() -> None:
    """The hospital's system sends there; the port is another one where the usual one is taken."""
    console = Console(width=100, color_system=None)
    view = TableView(console)
    view.up({"hospital": 7427, "mllp": 28352}, None)
    with console.capture() as held:
        console.print(view.render())
    assert "127.0.0.1:28352" in held.get()


def test_brackets_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    """The last words of a service, a camera's reason: none is taken for a style, none ends the view."""
    view = TableView(out)
    view.told("record", "said [bold] and [/nothing]")
    out.print(view.render())
    assert "said [bold] and [/nothing]" in capsys.readouterr().out
