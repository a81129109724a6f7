"""Foreign receivers of what Wince sends: Python's `hl7` server and Medplum's; and a process that is killed in the middle of sending."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hl7.mllp import start_hl7_server

from tests.contract.delivery.conftest import Scripted, World
from tests.contract.ehr.samples import PROTOCOLS, samples
from tests.contract.targets.kinds import OruReceiver, target
from tests.integration.record_world import admit, stay, window
from wince.delivery.interface import Outcome
from wince.delivery.oru.channel import Channel
from wince.delivery.oru.profiles.profile import NAMES, Writing, load
from wince.delivery.oru.target import OruTarget
from wince.domain.entry import Entry
from wince.local import npm
from wince.store.database import Database
from wince.testing.hl7.receiver import RIGHT, Fault
from wince.testing.peers import mllp

ENTRIES = {name: item for name, item in samples().items() if isinstance(item, Entry)}


def oru(port: int, profile: str = "v251") -> OruTarget:
    return OruTarget("oru", Channel("127.0.0.1", port), PROTOCOLS, Writing(load(profile), version="0.1.0"))


@contextmanager
def python_hl7(encoding: str) -> Iterator[tuple[int, list[Any]]]:
    """The library's own server on a thread of its own; its port, and what it parsed."""
    loop, came, ready, stop = asyncio.new_event_loop(), list[Any](), threading.Event(), asyncio.Event()
    ports: list[int] = []

    async def connected(reader: Any, writer: Any) -> None:
        while not writer.is_closing():
            try:
                message = await reader.readmessage()
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            came.append(message)
            writer.writemessage(message.create_ack())
            await writer.drain()
        writer.close()

    async def serve() -> None:
        server = await start_hl7_server(connected, "127.0.0.1", 0, encoding=encoding)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        async with server:
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(60)
    try:
        yield ports[0], came
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)


@pytest.mark.parametrize("profile", NAMES)
def test_pythons_hl7_takes_and_understands_every_kind(profile: str) -> None:
    """It answers AA only, whatever MSH-15 asks for."""
    with python_hl7("iso8859-1" if profile == "v231" else "utf-8") as (port, came):
        one = oru(port, profile)
        for item in ENTRIES.values():
            text = one.render(item)
            assert isinstance(text, str)
            assert one.deliver(text, first=True).outcome is Outcome.WRITTEN
        one._channel.close()
    assert [str(message["OBR.F3.R1.C1"]) for message in came] == [str(item.id) for item in ENTRIES.values()]
    assert str(came[0]["OBX.F5"]) == "3.5"
    assert str(came[0].unescape(str(came[0]["PID.F3.R1.C1"]))) == "4711"


@pytest.mark.skipif(bool(npm.available()), reason=npm.available() or "node is here")
@pytest.mark.peer
def test_medplum_takes_and_understands_every_kind() -> None:
    with mllp.receiver("--print") as (port, lines):
        one = oru(port)
        texts = [one.render(item) for item in ENTRIES.values()]
        assert [one.deliver(str(text), first=True).outcome for text in texts] == [Outcome.WRITTEN] * len(texts)
        said = [json.loads(next(lines)) for _ in texts]
        one._channel.close()
    assert [message["order"] for message in said] == [str(item.id) for item in ENTRIES.values()]
    by = dict(zip(ENTRIES, said, strict=True))
    assert (by["grade"]["value"], by["grade"]["status"], by["grade"]["patient"]) == ("3.5", "P", "4711")
    assert (by["unassessable"]["value"], by["unassessable"]["status"]) == ("", "X")
    assert (by["withdrawn"]["status"], by["withdrawn"]["note"]) == ("W", "Withdrawn: entered in error.")


DELIVERER = """
import json, sys, time
from tests.contract.delivery.conftest import Hasty
from tests.contract.targets.kinds import target
from wince.delivery.worker import Delivery
from wince.store.database import Database
said = json.loads(sys.argv[1])
first = target("oru", said["reached"])
running = Delivery(Database(said["dsn"], size=4), [first], alone=True, per_encounter=8, jitter=Hasty(), poll_s=0.02)
running.start()
time.sleep(600)
"""


def test_kills_in_the_middle_of_sending_lose_nothing_and_double_nothing(database: Database, tmp_path: Path) -> None:
    """Three processes after one another, each killed between the arrival of a message and its answer."""
    with OruReceiver(tmp_path) as receiver:
        receiver.hl7.script = lambda _number: Fault("late", seconds=0.05)
        world = World(database, receiver, {"oru": Scripted(target("oru", receiver.reached()))})
        admit(database, stay())
        for number in range(12):  # ten minutes apart; summaries come between
            world.sink.commit([window(120 * number, 1 + number % 2)])
        made = Counter(identity for identity, _ in world.rows("oru"))
        assert len(made) > 10
        said = json.dumps({"dsn": database.dsn, "reached": receiver.reached()})
        for _ in range(3):
            enough = len(receiver.hl7.came) + 2
            with subprocess.Popen([sys.executable, "-c", DELIVERER, said], cwd=Path(__file__).parents[2]) as process:
                while len(receiver.hl7.came) < enough:
                    assert process.poll() is None
                    time.sleep(0.002)
                process.send_signal(signal.SIGKILL)
        receiver.hl7.script = lambda _number: RIGHT
        with database.transaction() as tx:
            tx.execute("UPDATE outbox SET lease_until = now() WHERE state = 'leased'")
        with world.delivering() as running:
            assert running.drain(60)
        assert world.states("oru") == {"written"}
        filed = [order for order, _ in receiver.messages()]
        assert Counter(filed) == made, "lost, or doubled under another control id"
        assert filed == world.trail("oru", "written"), "out of order"
        assert len(receiver.hl7.came) > len(receiver.hl7.filed), "no message came twice, so no kill hit one"
