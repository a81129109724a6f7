"""kill -9 of the process that delivers, at any moment: what is in the outbox arrives once, nothing is lost or doubled."""

import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.integration.record_world import T0, US, FakeTarget, admit, stay, window
from wince.domain.audit import verify
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import audit
from wince.store.database import Database

ENTRIES = 60
DELIVERER = """
import sys, urllib.request
from wince.delivery.worker import Delivery
from wince.delivery.interface import Answer, Outcome
from wince.store.database import Database
class Http:
    name = "fake"
    def deliver(self, body, location="", version="", *, first=False):
        try:
            with urllib.request.urlopen(sys.argv[2], body.encode(), timeout=5) as answer:
                return Answer(Outcome.WRITTEN, "201", answer.headers["Location"], "1")
        except OSError as error:
            return Answer(Outcome.RETRY, type(error).__name__)
running = Delivery(Database(sys.argv[1], size=3), [Http()], per_encounter=8, lease_s=1.0, poll_s=0.02)
running.start()
print("up", flush=True)
running.drain(60)
running.stop()
"""


class Server(ThreadingHTTPServer):
    """Keeps one resource per body, as a conditional create does; answers late now and then, after the commit."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.order: list[bytes] = []
        self.held: set[bytes] = set()
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Server)
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            return  # the client was killed while it sent: no server takes half a request
        with self.server.lock:
            if body not in self.server.held:
                self.server.held.add(body)
                self.server.order.append(body)
            number = len(self.server.order)
        time.sleep(0.05 if number % 10 == 0 else 0.01)
        self.send_response(201)
        self.send_header("Location", f"Observation/{number}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_kills_between_commit_delivery_and_answer_lose_and_double_nothing(database: Database, tmp_path: Path) -> None:
    admit(database, stay())
    sink = PostgresSink(database, {"activity": load("activity")}, [FakeTarget()])
    number = made = 0
    # The record's budget is 40 a day: three days of one entry each ten minutes.
    while made < ENTRIES:
        made += len(sink.commit([window(number * 120, 1 + number % 2, t0=T0 + (number // 12) * 86_400 * US)]).entries)
        number += 1
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    program = [sys.executable, "-c", DELIVERER, database.dsn, f"http://127.0.0.1:{server.server_address[1]}/"]
    try:
        for pause in (0.05, 0.15, 0.3, 0.1):
            process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
        killed_with = len(server.order)
        assert 0 < killed_with < made
        subprocess.run(program, check=True, timeout=90, stdout=subprocess.DEVNULL)
    finally:
        server.shutdown()
        server.server_close()
    with database.transaction() as tx:
        bodies = [body for (body,) in tx.execute("SELECT body FROM outbox ORDER BY effective, revision, made").fetchall()]
        states = tx.execute("SELECT DISTINCT state FROM outbox").fetchall()
    assert states == [("written",)]
    assert [body.decode() for body in server.order] == bodies
    assert len(bodies) == made
    written = [row.entry for row in audit.rows(database) if row.event == "written"]
    assert len(written) == len(set(written)) == made
    assert verify(audit.rows(database, payloads=True)).erased == 0
