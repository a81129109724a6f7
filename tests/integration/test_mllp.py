"""The hospital's door against a foreign sender: the `hl7` package's MLLP clients drive the listener over a census."""

import asyncio
import io
import socket
import threading
import time

import hl7
import pytest
from hl7.client import MLLPClient
from hl7.mllp import open_hl7_connection

from tests.support.telling import told
from wince.errors import StoreError
from wince.hospital.listener import AdtListener
from wince.hospital.memory import MemoryCensus
from wince.hospital.site import Site
from wince.telemetry import logs
from wince.testing.hl7 import Person, adt, code, send
from wince.testing.hl7.send import answer

SECOND = 1_000_000
P = Person("MRN-90210", "Musterfrau", "Erika", "19420317")
SEEDED = ("MRN-90210", "Musterfrau", "Erika", "19420317", "194203", "1942", "VISIT-31337", "ICU^7^Q")
BED, VISIT = "ICU^7^Q", "VISIT-31337"


@pytest.fixture
def census():
    return MemoryCensus()


@pytest.fixture
def listener(census):
    with AdtListener(census, Site()) as running:
        yield running


def good(trigger="A01", at_s=100, **options) -> str:
    return adt(trigger, P, BED, VISIT, at_s * SECOND, **options)


def test_a_foreign_client_is_answered_message_by_message(listener, census):
    with MLLPClient("127.0.0.1", listener.port) as client:
        for trigger, at in (("A01", 100), ("A08", 110), ("A02", 120), ("A12", 130), ("A03", 140), ("A13", 150)):
            text = good(trigger, at, control_id=f"C{at}")
            parsed = hl7.parse(client.send_message(text).decode().strip("\x0b\x1c\r"))
            assert str(parsed.segment("MSA")[1]) == "AA"
            assert str(parsed.segment("MSA")[2]) == f"C{at}"
    assert [(s.bed, s.start_us // SECOND, s.end_us) for s in census.current()] == [(BED, 100, None)]


def test_a_hundred_pipelined_messages_on_one_connection_are_answered_in_order(listener, census):
    async def converse():
        reader, writer = await open_hl7_connection("127.0.0.1", listener.port, encoding="utf-8")
        messages = [adt("A01", Person(f"P{n}"), f"W^1^{n}", f"V{n}", n * SECOND, control_id=f"C{n}") for n in range(100)]
        for message in messages:
            writer.writemessage(hl7.parse(message))
        await writer.drain()
        answers = [await reader.readmessage() for _ in messages]
        writer.close()
        return [(str(a.segment("MSA")[1]), str(a.segment("MSA")[2])) for a in answers]

    assert asyncio.run(converse()) == [("AA", f"C{n}") for n in range(100)]
    assert len(census.current()) == 100


def test_senders_beside_each_other(listener, census):
    def walk(number):
        with MLLPClient("127.0.0.1", listener.port) as client:
            for step in range(10):
                text = adt("A01" if step == 0 else "A02", Person(f"P{number}"), f"W^{number}^{step}", f"V{number}", step * SECOND)
                assert b"MSA|AA" in client.send_message(text)

    threads = [threading.Thread(target=walk, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(s.bed for s in census.current()) == [f"W^{n}^9" for n in range(8)]


def _raw(text: str, encoding="utf-8") -> bytes:
    return b"\x0b" + text.encode(encoding) + b"\x1c\r"


BAD = {
    "a bed in latin-1 under utf-8": (_raw(good().replace("ICU", "ÄCU"), "latin-1"), "AE", "PV1^1^3"),
    "unknown character set": (_raw(good(charset="KOI8-R")), "AE", "MSH^1^18"),
    "no MSH": (_raw("PID|1||Musterfrau\r"), "AR", "MSH^1"),
    "empty": (_raw(""), "AR", "MSH^1"),
    "truncated MSH": (_raw("MSH|^~\\&|HIS|HOSP"), "AR", "MSH^1^10"),
    "an order": (_raw(good(fields={"MSH-9": "ORM^O01"})), "AR", "MSH^1^9"),
    "version 9.9": (_raw(good(version="9.9")), "AR", "MSH^1^12"),
    "no version": (_raw(good(version="")), "AR", "MSH^1^12"),
    "no PID-3": (_raw(good(fields={"PID-3": ""})), "AE", "PID^1^3"),
    "no bed": (_raw(good(fields={"PV1-3": ""})), "AE", "PV1^1^3"),
    "no visit": (_raw(good(fields={"PV1-19": ""})), "AE", "PV1^1^19"),
    "bad date of event": (_raw(good(fields={"EVN-2": "19420317"})), "AE", "EVN^1^2"),
    "NUL in the number": (_raw(good(fields={"PID-3": "MRN\x00-90210^^^HOSP^MR"})), "AE", "PID^1^3"),
    "a line end in the bed": (_raw(good().replace("ICU^", "ICU\r^")), "AE", "PV1^1^3"),
    "two patients": (_raw(good() + "PID|2||1^^^HOSP^MR\r"), "AE", "PID^1"),
    "two messages in a frame": (_raw(good() + good()), "AE", "MSH^1"),
    "2 MB of observation": (_raw(good() + "OBX|1|TX|||" + "Musterfrau " * 200_000 + "\r"), "AR", ""),
    "20,000 repetitions": (_raw(good(fields={"PID-3": "~".join(["MRN-90210^^^H^MR"] * 20_000)})), "AE", "PID^1^3"),
}
GOOD = {
    "latin-1 as declared": _raw(good(charset="8859/1", fields={"PID-5": "Müller"}), "latin-1"),
    "a name in latin-1 under utf-8": _raw(good(fields={"PID-5": "Müller"}), "latin-1"),
    "a bad date of birth": _raw(good(fields={"PID-7": "17.03.1942"})),
    "a NUL in the name": _raw(good(fields={"PID-5": "Muster\x00frau"})),
    "a line end in a note": _raw(good() + "NTE|1||Musterfrau\rErika\r"),
    "a byte order mark": _raw("\ufeff" + good()),
    "no structure": _raw(good().replace("^ADT_A01", "")),
    "LF endings": _raw(good().replace("\r", "\n")),
    "version 2.3": _raw(good(version="2.3")),
    "Z segment": _raw(good() + "ZPD|1|Musterfrau\r"),
    "unknown segment": _raw(good() + "QQ1|1|Musterfrau\r"),
    "too many components": _raw(good(fields={"PID-3": "MRN-90210^^^HOSP^MR" + "^x" * 40})),
    "an event that concerns no bed": _raw(good("A31")),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_message_is_answered_by_name_and_the_next_one_works(listener, census, name):
    raw, expected, place = BAD[name]
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as wire:
        wire.sendall(raw)
        said = answer(wire).decode()
    assert code(said) == expected
    assert f"ERR||{place}|" in said
    assert census.current() == []
    assert code(send("127.0.0.1", listener.port, good())) == "AA"
    assert len(census.current()) == 1


@pytest.mark.parametrize("name", GOOD)
def test_what_is_unusual_but_right_is_taken(listener, name):
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as wire:
        wire.sendall(GOOD[name])
        assert code(answer(wire).decode()) == "AA"


def test_http_and_half_messages_end_their_connection_only(listener):
    with socket.create_connection(("127.0.0.1", listener.port), timeout=5) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert wire.recv(10) == b""
    with socket.create_connection(("127.0.0.1", listener.port), timeout=5) as wire:
        wire.sendall(_raw(good())[:50])
    assert code(send("127.0.0.1", listener.port, good())) == "AA"


class Gate(MemoryCensus):
    """A census whose commit waits, or fails."""

    def __init__(self):
        super().__init__()
        self.open, self.fails = threading.Event(), False

    def commit(self, change, decide):
        if self.fails:
            raise StoreError("the database is gone")
        assert self.open.wait(10)
        return super().commit(change, decide)


def test_no_acknowledgement_before_the_commit():
    census = Gate()
    with AdtListener(census, Site()) as listener, socket.create_connection(("127.0.0.1", listener.port), timeout=0.3) as wire:
        wire.sendall(_raw(good()))
        with pytest.raises(TimeoutError):
            wire.recv(1)
        census.open.set()
        wire.settimeout(5)
        assert code(answer(wire).decode()) == "AA"
        assert len(census.current()) == 1


def test_a_failed_commit_is_ae_207_and_the_message_can_be_sent_again():
    census = Gate()
    census.open.set()
    census.fails = True
    text = good(control_id="C1")
    with AdtListener(census, Site()) as listener:
        said = send("127.0.0.1", listener.port, text)
        assert code(said) == "AE"
        assert "|207^Application internal error^HL70357|" in said
        census.fails = False
        assert code(send("127.0.0.1", listener.port, text)) == "AA"
        assert code(send("127.0.0.1", listener.port, text)) == "AA"
    assert len(census.current()) == 1


def test_an_acknowledgement_that_is_lost_costs_nothing(listener, census):
    """The sender goes away before the answer, comes back and sends the same again."""
    raw = _raw(good(control_id="C1"))
    with socket.create_connection(("127.0.0.1", listener.port)) as wire:
        wire.sendall(raw)
    until = time.monotonic() + 5
    while not census.current() and time.monotonic() < until:
        time.sleep(0.01)
    with socket.create_connection(("127.0.0.1", listener.port), timeout=5) as wire:
        wire.sendall(raw)
        assert code(answer(wire).decode()) == "AA"
    assert len(census.current()) == 1
    assert [event for _, event, _ in census.trail] == ["adt"]


@pytest.mark.parametrize("json", [True, False])
def test_no_name_in_any_log_line_error_text_or_acknowledgement(capsys, json):
    """Seeded: name, MRN, birth date, visit, bed. Good messages, every bad one, a failing and a raising census."""

    class Raising(MemoryCensus):
        def commit(self, change, decide):
            raise ValueError(f"duplicate key: {change}")

    stream = io.StringIO()
    logs.configure("debug", json=json, stream=stream)
    said = []
    try:
        for census in (MemoryCensus(), Raising()):
            with AdtListener(census, Site()) as listener:
                for raw in [_raw(good(t, control_id=f"C{t}")) for t in ("A01", "A02", "A03", "A11", "A12", "A13", "A60")] + [
                    *(raw for raw, _, _ in BAD.values()),
                    *GOOD.values(),
                    _raw(adt("A02", Person("other", "Musterfrau"), BED, VISIT, SECOND)),
                ]:
                    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as wire:
                        wire.sendall(raw)
                        said.append(answer(wire).decode("utf-8", "replace"))
            said += [f"{event} {detail}" for _, event, detail in getattr(census, "trail", [])]
    finally:
        logs.configure()
    captured = capsys.readouterr()
    texts = {"log": stream.getvalue(), "answers": "\n".join(said), "out": captured.out, "err": captured.err}
    assert texts["log"].count("\n") > 30
    for where, text in texts.items():
        assert told(text, SEEDED) == [], where
