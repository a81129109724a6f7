"""`wince hl7` as an interface engineer uses it: against our listener, over TLS, and against a listener that behaves badly."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.support.certificates import Authority
from wince.cli.main import build
from wince.errors import ConfigError, InputError, MessageError, Unavailable, WinceError
from wince.hospital.listener import AdtListener
from wince.hospital.memory import MemoryCensus
from wince.hospital.parking import replay
from wince.hospital.site import Site
from wince.store.database import Database
from wince.store.parked import PostgresParking
from wince.store.stays import PostgresCensus
from wince.testing.hl7 import Person, adt

P = Person("MRN-90210", "Musterfrau")
APP = build(["hl7"])


def run(*arguments: object, status: int = 0) -> str:
    done = CliRunner().invoke(APP, ["hl7", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status, done.output
    return done.output


def file(folder: Path, *texts: str) -> Path:
    path = folder / "messages.hl7"
    path.write_bytes("".join(texts).replace("\r", "\n").encode())
    return path


def test_a_file_is_sent_message_by_message_and_each_answer_is_shown(tmp_path: Path) -> None:
    census = MemoryCensus()
    with AdtListener(census, Site()) as listener:
        path = file(tmp_path, *(adt("A01", P, f"ICU^{n}^A", f"V{n}", n, control_id=f"C{n}") for n in range(3)))
        said = run("send", path, "--to", f"127.0.0.1:{listener.port}")
    assert [line.split() for line in said.splitlines()[:3]] == [[f"C{n}", "AA"] for n in range(3)]
    assert said.splitlines()[3].startswith("3 taken, 0 refused, ")
    assert len(census.current()) == 3


def test_an_escape_is_decoded_once_behind_what_is_sent(tmp_path: Path) -> None:
    census = MemoryCensus()
    with AdtListener(census, Site()) as listener:
        texts = (
            adt("A01", P, f"ICU^{n}^A", f"V{n}", n, fields={"PID-3": f"{mrn}^^^HOSP^MR"})
            for n, mrn in enumerate(("\\X41\\", "\\E\\X41\\E\\"))
        )
        run("send", file(tmp_path, *texts), "--to", f"127.0.0.1:{listener.port}")
    assert sorted(stay.patient.value for stay in census.current()) == ["A", "\\X41\\"]


def test_it_stops_at_a_refusal_unless_it_is_told_to_go_on(tmp_path: Path) -> None:
    with AdtListener(MemoryCensus(), Site()) as listener:
        texts = [
            adt("A01", P, "ICU^1^A", "V1", 0),
            adt("A01", P, "ICU^1^A", "V1", 0, fields={"PID-3": ""}, control_id="C2"),
            adt("A03", P, "", "V1", 1),
        ]
        path, to = file(tmp_path, *texts), f"127.0.0.1:{listener.port}"
        said = run("send", path, "--to", to, status=3)
        assert "C2  AE  PID-3: medical record number missing; remedy:" in said
        assert "1 taken, 1 refused, 1 not sent or not read" in said
        assert "2 taken, 1 refused, " in run("send", path, "--to", to, "--keep-going", "--ahead", 3, status=3)


def test_in_enhanced_mode_it_waits_for_what_it_asked_for(tmp_path: Path) -> None:
    wants = (("AL", "NE"), ("AL", "AL"), ("NE", "NE"), ("", ""))
    texts = [adt("A01", P, "ICU^1^A", f"V{n}", n, control_id=f"C{n}", fields={"MSH-15": a, "MSH-16": b}) for n, (a, b) in enumerate(wants)]
    with AdtListener(MemoryCensus(), Site()) as listener:
        said = run("send", file(tmp_path, *texts), "--to", f"127.0.0.1:{listener.port}", "--ahead", 4, "--json")
    assert [json.loads(line)["codes"] for line in said.splitlines()] == [["CA"], ["CA", "AA"], [], ["AA"]]


def test_over_tls_with_a_certificate_of_ours(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    theirs, ours = authority.issue("localhost", "127.0.0.1"), authority.issue("engine")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    tls.load_cert_chain(*map(str, theirs))
    tls.verify_mode = ssl.CERT_REQUIRED
    with AdtListener(MemoryCensus(), Site(), tls=tls) as listener:
        path, to = file(tmp_path, adt("A01", P, "ICU^1^A", "V1", 0)), f"127.0.0.1:{listener.port}"
        assert "AA" in run("send", path, "--to", to, "--ca", authority.file, "--cert", ours[0], "--key", ours[1])
        assert "AA" in run(
            "send", path, "--to", to, "--ca", authority.file, "--cert", ours[0], "--key", ours[1], "--server-name", "localhost"
        )
        with pytest.raises(Unavailable, match="no TLS with the listener"):
            run("send", path, "--to", to, "--tls")
        with pytest.raises(Unavailable):
            run("send", path, "--to", to, "--ca", authority.file)


@pytest.mark.parametrize(
    ("behave", "expected", "said"),
    [
        (lambda wire: wire.close(), Unavailable, "ConnectionError"),
        (lambda wire: wire.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), MessageError, "no MLLP"),
        (lambda wire: None, Unavailable, "in time"),
    ],
)
def test_a_listener_that_behaves_badly_is_named(
    tmp_path: Path, behave: Callable[[socket.socket], None], expected: type[Exception], said: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def serve() -> None:
            wire, _ = server.accept()
            kept.append(wire)
            wire.recv(1000)
            behave(wire)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(expected, match=said) as caught:
            run("send", file(tmp_path, adt("A01", P, "ICU^1^A", "V1", 0)), "--to", f"127.0.0.1:{server.getsockname()[1]}", "--timeout", 1)
        thread.join(30)
        assert caught.value.remedy  # type: ignore[attr-defined]
        for wire in kept:
            wire.close()


def test_what_is_mistyped_is_named(tmp_path: Path) -> None:
    path, other = file(tmp_path, adt("A01", P, "ICU^1^A", "V1", 0)), tmp_path / "other.hl7"
    other.write_text("hello")
    for arguments, kind in (
        (("send", path, "--to", "nowhere"), ConfigError),
        (("send", tmp_path / "none", "--to", "h:1"), InputError),
        (("send", path, "--to", "h:1", "--key", path), ConfigError),
        (("send", other, "--to", "h:1"), MessageError),
    ):
        with pytest.raises(kind):
            run(*arguments)


def test_parked_messages_are_listed_shown_replayed_and_dropped(
    database: Database, database_dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WINCE_PG_DSN", database_dsn)
    monkeypatch.setenv("WINCE_STATE_DIR", str(tmp_path))
    monkeypatch.setattr("wince.cli.hl7.parked.WAIT_S", 1.0)
    parking = PostgresParking(database, always=True, most_bytes=1 << 20)
    listener = AdtListener(PostgresCensus(database), Site(), parking=parking)
    assert "nothing is parked" in run("parked", "list")
    for number in range(2):
        fields = {"PID-3": "MRN-90210^^^NORTH^MR~88^^^SOUTH^MR"}
        listener.handle(adt("A01", P, "ICU^1^A", f"V{number}", 0, fields=fields, control_id=f"C{number}").encode())
    listed = run("parked", "list")
    assert "C0" in listed
    assert "PID-3" in listed
    assert "MRN-90210" not in listed
    first, second = (one["id"] for one in json.loads(run("parked", "list", "--json")))
    assert "MRN-90210^^^NORTH^MR" in run("parked", "show", first)
    assert "0 taken, 0 refused again, 2 wait for a running Wince" in run("parked", "replay")
    assert replay(database, AdtListener(PostgresCensus(database), Site(authority="NORTH")).take_again, days=30) == 2
    listener.handle(adt("A01", P, "ICU^1^A", "V9", 0, fields={"PID-3": ""}).encode())
    third = json.loads(run("parked", "list", "--json"))[0]["id"]
    assert "1 dropped" in run("parked", "drop", third)
    with pytest.raises(InputError, match="is not parked"):
        run("parked", "drop", second)
    with pytest.raises(ConfigError, match="is no id"):
        run("parked", "show", "x")


@contextmanager
def listening(*options: object) -> Iterator[tuple[int, Callable[[], str]]]:
    """`wince hl7 listen` as a process, its port, and what it printed once it ended by itself."""
    command = [sys.executable, "-m", "wince.cli.main", "hl7", "listen", "--port", "0", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        try:
            yield int(line.rsplit(":", 1)[1]), lambda: process.communicate(timeout=60)[0]
        finally:
            process.kill()


def test_a_receiver_prints_acknowledges_and_marks_what_comes_again(tmp_path: Path) -> None:
    path = file(tmp_path, *(adt("A01", P, "ICU^1^A", "V1", 1, control_id=name) for name in ("C1", "C2", "C1")))
    with listening("--count", 3) as (port, printed):
        sent = run("send", path, "--to", f"127.0.0.1:{port}")
        said = printed()
    assert [line.split() for line in sent.splitlines()[:3]] == [["C1", "AA"], ["C2", "AA"], ["C1", "AA"]]
    assert [line for line in said.splitlines() if line.startswith("--")] == ["-- C1: AA", "-- C2: AA", "-- C1 again: AA"]
    assert "PID|1||MRN-90210" in said
    assert "3 came, 2 filed" in said


def test_a_receiver_misbehaves_where_it_is_told_to(tmp_path: Path) -> None:
    path = file(tmp_path, *(adt("A01", P, "ICU^1^A", "V1", n, control_id=f"C{n}") for n in range(4)))
    with listening("--count", 4, "--answer", "AE:204", "--answer", "AR", "--every", 2, "--json") as (port, printed):
        run("send", path, "--to", f"127.0.0.1:{port}", "--keep-going", status=3)
        found = [json.loads(line) for line in printed().splitlines()]
    assert [one["answered"] for one in found] == ["AA", "AE", "AA", "AR"]


@pytest.mark.parametrize(("options", "field"), [
    (["--host", "0.0.0.0"], "--host=0.0.0.0"), (["--answer", "AE:999"], "--answer=AE:999"), (["--answer", "late"], "--answer=late"),
    (["--answer", "sing"], "--answer=sing"), (["--key", "k.pem"], "--key"), (["--cert", "/nowhere.pem"], "--cert"),
])  # fmt: skip
def test_a_receiver_that_can_not_be_meant_so(options: list[str], field: str) -> None:
    with pytest.raises(WinceError) as caught:
        run("listen", "--port", 0, *options)
    assert caught.value.field == field
    assert caught.value.remedy
