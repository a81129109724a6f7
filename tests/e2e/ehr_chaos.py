"""Some thousand writes into an EHR that spoils a fifth of all requests, by several record replicas, some of which are killed.

    python -m tests.e2e.ehr_chaos --writes 10000        # make chaos-ehr WRITES=10000

Processes: the EHR sandbox, `--replicas` replicas (each writes its share of the windows into one PostgreSQL and delivers from the outbox
that all share), and this one. Every kind of fault strikes an equal share of the requests, those for a token and for /metadata too:

    dropped; reset or closed in mid-answer; 429 and 503 with Retry-After; 500; an answer later than the client waits; done, then silence;
    done, then dropped; done, and the answer is no JSON; a token that expires. Besides, connections are refused now and then.

From time to time a replica is killed (-9) and started again; it writes all its windows again. Of twelve windows the last has a
question, and a verdict that confirms it: so there are creates, updates, and two kinds of resources. Waiting is cut short (a backoff of
at most 2 s, where it would be up to 300), nothing else is.

`lost`: an entry or revision that the EHR does not hold, or holds as another. `doubled`: a second resource, Provenance or AuditEvent for
the same, a second version of the same content, or something that the outbox does not know.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import reachable
from tests.e2e.ehr_chaos_tally import compare
from tests.integration.record_world import T0, US, change, question, stay, window
from tests.support.verdicts import verdict_id
from wince.delivery.fhir.target import FhirTarget
from wince.delivery.worker import Delivery
from wince.domain.assessment import Assessment, Question, Verdict
from wince.domain.audit import verify
from wince.domain.census import Revision
from wince.domain.stay import Stay, Watch
from wince.fhir.client import FhirClient
from wince.fhir.smart import SmartAuth
from wince.local.postgres.opened import open_database
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import audit
from wince.store.database import Database
from wince.store.stays import save_watches
from wince.testing.ehr import EhrSandbox

ROOT = Path(__file__).resolve().parents[2]
SHARE = 0.2
"""Of all requests that are spoiled."""
ANSWER_S = 1.0
"""How long a replica waits for an answer."""
KINDS: tuple[dict[str, Any], ...] = (
    {"effect": "drop"},
    {"effect": "reset"},
    {"effect": "truncated"},
    {"effect": "status", "status": 429, "retry_after_s": 1},
    {"effect": "status", "status": 500},
    {"effect": "status", "status": 503, "retry_after_s": 1},
    {"effect": "slow", "seconds": 2 * ANSWER_S},
    {"effect": "commit_then_timeout", "seconds": 2 * ANSWER_S},
    {"effect": "commit_then_drop"},
    {"effect": "garbled"},
    {"effect": "expired", "seconds": 1.0},
)
REFUSED_S, REFUSED_EVERY_S = 0.3, 5.0
ROUND, ROWS = 12, 17
"""Windows of a bed and day, and the rows of the outbox that they make."""
DAYS = 2
DAY_US = 86_400 * US


@dataclass(frozen=True)
class Result:
    """What it came to."""

    writes: int
    lost: int
    doubled: int
    struck: Counter[str]
    requests: int
    killed: int
    released: int
    out_of_order: int
    seconds: float

    def line(self) -> str:
        """As it is printed."""
        return (
            f"chaos-ehr: {self.writes} writes, lost {self.lost}, doubled {self.doubled}, out of order {self.out_of_order},"
            f" audit chain verified; {sum(self.struck.values())} of {self.requests} requests spoiled, {self.killed} replicas killed,"
            f" target held and released {self.released} times, {self.seconds:.0f} s"
        )


def beds(writes: int) -> int:
    """How many give so many writes."""
    return -(-writes // (ROWS * DAYS))


def lying(number: int) -> Stay:
    """Who lies in a bed."""
    return stay(f"V{number}", bed=f"W^{number}^A")


def day(bed: int, number: int) -> list[Assessment | Question | Verdict]:
    """A day of a bed: entries ten minutes apart, of alternating grades, the last asked about and confirmed."""
    made = [window(120 * step, 1 + step % 2, source=f"cam-{bed}", t0=T0 + number * DAY_US) for step in range(ROUND)]
    asked, at_us = question(made[-1]), made[-1].end_us + 60 * US
    said = Verdict(verdict_id(made[-1].id, "n1", at_us), asked.id, made[-1].id, "n1", made[-1].grade, at_us)
    return [*made, asked, said]


def sandbox(directory: Path, seed: int) -> None:
    """A process: the EHR, until standard input ends."""
    with EhrSandbox(directory, seed=seed) as ehr:
        print(ehr.base_url, flush=True)
        count = int(sys.stdin.readline())
        people = [lying(number) for number in range(count)]
        ehr.seed([one.patient for one in people], [(one.encounter, one.patient) for one in people])
        key = directory / "key.json"
        made = ehr.new_client()
        key.write_text(json.dumps({"id": made.client_id, "key": made.key_pem.decode(), "kid": made.kid, "scope": made.scope}))
        print("ready", flush=True)
        done, spoiling = threading.Event(), threading.Event()

        def refuse() -> None:
            while not done.wait(REFUSED_EVERY_S):
                if spoiling.is_set():
                    ehr.refuse(REFUSED_S)

        thread = threading.Thread(target=refuse)
        thread.start()
        sys.stdin.readline()
        ehr.requests.clear()
        for number, kind in enumerate(KINDS):
            # Each strikes what those before it let pass: an equal share of all.
            one = SHARE / len(KINDS)
            ehr.faults.add(rate=one / (1 - number * one), **kind)
        spoiling.set()
        sys.stdin.read()
        done.set()
        thread.join()
        struck = {_name(fault): fault["hits"] for fault in ehr.faults.listing()}
        (directory / "struck.json").write_text(json.dumps({"struck": struck, "requests": ehr.requests.total()}))


def _name(fault: dict[str, Any]) -> str:
    return str(fault["status"]) if fault["effect"] == "status" else str(fault["effect"])


class Hasty(random.Random):
    """A backoff of at most 2 s: its longest is 300."""

    def uniform(self, a: float, b: float) -> float:
        """See random.Random."""
        return super().uniform(a, b) / 150.0


def replica(dsn: str, base_url: str, key: Path, number: int, replicas: int, count: int) -> None:
    """A process: writes its share of the windows, and delivers, until standard input ends."""
    protocols = {"activity": load("activity")}
    made = json.loads(key.read_text())
    auth = SmartAuth(base_url, made["id"], made["key"].encode(), made["kid"], made["scope"], timeout_s=ANSWER_S)
    with Database(dsn, size=4) as database, FhirClient(base_url, auth=auth, timeout_s=ANSWER_S) as client:
        target = FhirTarget("ehr", client, protocols, version="chaos")
        sink = PostgresSink(database, protocols, [target], clock=lambda: T0 + 10 * DAY_US)
        delivery = Delivery(database, [target], lease_s=20.0, per_encounter=4, poll_s=0.2, jitter=Hasty())
        delivery.start()
        print("up", flush=True)
        for of in range(DAYS):
            for bed in range(number, count, replicas):
                sink.commit(day(bed, of))
        print("written", flush=True)
        sys.stdin.read()
        delivery.stop()


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """One of the processes above; killed in the end where it still runs."""
    command = [sys.executable, "-m", "tests.e2e.ehr_chaos", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()


def tell(running: subprocess.Popen[str], line: str) -> None:
    """Says something to a process."""
    assert running.stdin
    running.stdin.write(f"{line}\n")
    running.stdin.flush()


def hear(running: subprocess.Popen[str]) -> str:
    """What a process says next. Raises RuntimeError where it ended."""
    assert running.stdout
    said = running.stdout.readline().strip()
    if not said:
        raise RuntimeError(f"{running.args!r} ended: {running.wait(30)}")
    return said


def run(writes: int, replicas: int = 3, *, kill_every_s: float = 60.0, limit_s: float = 7200.0, seed: int = 1) -> Result:
    """All of it. Raises TimeoutError where entries still wait after `limit_s`, IntegrityError for a broken trail."""
    dice, count = random.Random(seed), beds(writes)
    with ExitStack() as stack:
        directory = stack.enter_context(reachable())
        database = stack.enter_context(open_database(None, directory / "pg")).database
        people = [lying(number) for number in range(count)]
        save_watches(database, [Watch(f"cam-{number}", one.bed, 0, None, 0) for number, one in enumerate(people)])
        for one in people:
            change(database, Revision(add=(one,), recorded_us=one.recorded_us), one.encounter.value)
        ehr = stack.enter_context(process("sandbox", str(directory), str(seed)))
        base_url = hear(ehr)
        tell(ehr, str(count))
        hear(ehr)
        tell(ehr, "spoil")
        began = time.monotonic()
        running: list[subprocess.Popen[str]] = []

        def start(number: int) -> subprocess.Popen[str]:
            arguments = (database.dsn, base_url, str(directory / "key.json"), str(number), str(replicas), str(count))
            made = stack.enter_context(process("replica", *arguments))
            hear(made)
            return made

        running = [start(number) for number in range(replicas)]
        killed = released = 0
        next_kill = began + kill_every_s
        while (left := waiting(database, count)) > 0:
            now = time.monotonic()
            if now - began > limit_s:
                raise TimeoutError(f"{left} writes still wait after {limit_s} s")
            if now > next_kill:
                victim = dice.randrange(replicas)
                running[victim].kill()
                running[victim].wait()
                running[victim] = start(victim)
                killed, next_kill = killed + 1, time.monotonic() + kill_every_s * dice.uniform(0.5, 1.5)
                print(f"chaos-ehr: {left} left after {now - began:.0f} s", file=sys.stderr)
            with database.transaction() as tx:  # a person, who looks at what is held and lets it go
                released += tx.execute("DELETE FROM target_hold").rowcount
            time.sleep(0.25)
        seconds = time.monotonic() - began
        for one in (*running, ehr):
            assert one.stdin
            one.stdin.close()
            if one.wait(60):
                raise RuntimeError(f"a process ended with {one.returncode}")
        said = json.loads((directory / "struck.json").read_text())
        lost, doubled = compare(database, directory / "ehr.sqlite")
        verify(audit.rows(database, payloads=True))
        struck = Counter({name: int(hits) for name, hits in said["struck"].items()})
        with database.transaction() as tx:
            row = tx.execute("SELECT count(*) FROM outbox").fetchone()
        return Result(row[0] if row else 0, lost, doubled, struck, said["requests"], killed, released, out_of_order(database), seconds)


def waiting(database: Database, count: int) -> int:
    """Rows of the outbox that are not written, and windows that are not there yet. Raises AssertionError for dead letters: none may be."""
    with database.transaction() as tx:
        states = Counter(dict(tx.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall()))
        row = tx.execute("SELECT count(*) FROM assessment").fetchone()
        why = tx.execute("SELECT DISTINCT last_error FROM outbox WHERE state = 'dead' LIMIT 3").fetchall() if states["dead"] else []
    if states["dead"]:
        raise AssertionError(f"{states['dead']} dead letters: {why}")
    return states["ready"] + states["leased"] + count * DAYS * ROUND - (int(row[0]) if row else 0)


def out_of_order(database: Database) -> int:
    """Rows of an encounter that were written before one that stood in front of them, by the audit trail."""
    with database.transaction() as tx:
        rows = tx.execute(
            "SELECT o.encounter, o.effective, o.revision, o.made FROM audit a JOIN outbox o"
            " ON (o.entry, o.revision, o.target) = (a.entry, a.revision, a.target) WHERE a.event = 'written' ORDER BY a.seq"
        ).fetchall()
    last: dict[str, tuple[int, ...]] = {}
    wrong = 0
    for encounter, *place in rows:
        wrong += tuple(place) <= last.get(encounter, (0,))
        last[encounter] = tuple(place)
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """0: nothing lost, doubled or out of order."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["sandbox"]:
        sandbox(Path(given[1]), int(given[2]))
        return 0
    if given[:1] == ["replica"]:
        replica(given[1], given[2], Path(given[3]), *(int(number) for number in given[4:]))
        return 0
    parser = argparse.ArgumentParser(prog="make chaos-ehr")
    parser.add_argument("--writes", type=int, default=10_000)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(given)
    result = run(chosen.writes, chosen.replicas, seed=chosen.seed)
    print("struck:", ", ".join(f"{name} {hits}" for name, hits in sorted(result.struck.items())))
    print(result.line())
    return int(bool(result.lost or result.doubled or result.out_of_order))


if __name__ == "__main__":
    sys.exit(main())
