"""What signing in to Kafka, and TLS beside it, cost a frame as services: the same records over the same broker, in turns in one run.

A frame is a face with its crop (30 KB) and an estimate (1.5 KB), each written and read once, at the pace of BEDS cameras of 5 frames a
second, gathered as services do; assessments are few and left out. Counted is processor time, of the broker and of the process that writes
and reads. *SCRAM* is how `wince up` starts Kafka, *SCRAM and TLS* what a site's brokers ask
for; the broker's virtual machine is started as `wince up` does, and once more as a site does, with its full compiler.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import Unmeasurable
from tests.support.certificates import Authority
from wince.bus.kafka import KafkaBus
from wince.bus.kafka_options import KafkaOptions
from wince.bus.topics import ESTIMATES, FACES
from wince.errors import WinceError
from wince.local import kafka_users
from wince.testing.peers import KafkaPeer, available

BEDS, RATE = 40, 5
SECONDS, ROUNDS = 7, 2
SIZES = {FACES: 30_000, ESTIMATES: 1_500}
GATHER_S = 0.15
MODES = ("plaintext", "SCRAM", "SCRAM and TLS")
Row = dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """Milliseconds of processor time a frame."""

    broker: float
    client: float

    @property
    def total(self) -> float:
        """Both."""
        return self.broker + self.client


def run() -> dict[str, Any]:
    """Each way to start the broker, each mode; takes about five minutes."""
    if reason := available():
        raise Unmeasurable(reason)
    rows: list[Row] = []
    try:
        for name, full in (("broker as `wince up` starts it", False), ("broker with its full compiler", True)):
            rows += _compared(name, _measured(full=full))
    except WinceError as error:
        raise Unmeasurable(error.diagnostics()) from error
    return {"title": f"Kafka: signing in, a frame (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)", "rows": rows}


def _measured(*, full: bool) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {mode: [] for mode in MODES}
    for _ in range(ROUNDS):
        for mode in MODES:
            with tempfile.TemporaryDirectory(prefix="wince-bench-kafka-") as folder, _started(Path(folder), mode, full=full) as started:
                _frames(*started)  # the virtual machine compiles what is called often
                costs[mode].append(_frames(*started))
    return costs


@contextmanager
def _started(folder: Path, mode: str, *, full: bool) -> Iterator[tuple[KafkaPeer, KafkaBus]]:
    pem, ours = None, Authority(folder)
    if mode == "SCRAM and TLS":
        certificate, key = ours.issue("127.0.0.1")
        pem = folder / "server.pem"
        pem.write_bytes(key.read_bytes() + certificate.read_bytes() + ours.file.read_bytes())
    with (_Full if full else KafkaPeer)(folder / "kafka", tls_pem=pem, closed=mode != "plaintext") as peer:
        options = KafkaOptions(peer.bootstrap)
        if mode != "plaintext":
            password = kafka_users.admit(peer.administrator())["estimate"]
            security = "scram" if pem else "scram-plaintext"
            options = KafkaOptions(peer.bootstrap, security, kafka_users.user("estimate"), password, ours.file if pem else None)
            _let_all(peer)
        bus = KafkaBus(options)
        try:
            yield peer, bus
        finally:
            bus.close()


class _Full(KafkaPeer):
    """With the compiler that has fast AES, as Kafka's own start script has it."""

    def _java(self) -> list[str]:
        return [word for word in super()._java() if "TieredStopAtLevel" not in word]


def _let_all(peer: KafkaPeer) -> None:
    """The one process of the benchmark plays all services."""
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePattern, ResourceType

    admin = peer.administrator().admin()
    who = f"User:{kafka_users.user('estimate')}"
    allow = ACLPermissionType.ALLOW
    admin.create_acls(
        [
            ACL(who, "*", ACLOperation.ALL, allow, ResourcePattern(kind, "*", ACLResourcePatternType.LITERAL))
            for kind in (ResourceType.TOPIC, ResourceType.GROUP)
        ]
    )
    admin.close()


def _frames(peer: KafkaPeer, bus: KafkaBus) -> Cost:
    """Write and read what BEDS cameras give in SECONDS."""
    bus.ensure_topics(list(SIZES))
    values = {topic: os.urandom(size) for topic, size in SIZES.items()}
    count, seen = BEDS * RATE * SECONDS, 0

    def take(records: Any) -> None:
        nonlocal seen
        seen += sum(record.value[:16] == values[record.topic][:16] for record in records)

    subscription = bus.consume(list(SIZES), "bench", take, gather_s=GATHER_S)
    began_s = time.monotonic()
    broker, client = _broker_s(peer), _own_s()
    futures = []
    for number in range(count):
        time.sleep(max(0.0, began_s + number / (BEDS * RATE) - time.monotonic()))
        futures += [bus.publish(topic, f"camera-{number % BEDS}", value) for topic, value in values.items()]
    for future in futures:
        future.result(60)
    while seen < len(SIZES) * count:
        if time.monotonic() - began_s > 10 * SECONDS:
            raise RuntimeError(f"{seen} of {len(SIZES) * count} records came")
        time.sleep(0.05)
    cost = Cost(1000 * (_broker_s(peer) - broker) / count, 1000 * (_own_s() - client) / count)
    subscription.stop()
    return cost


def _broker_s(peer: KafkaPeer) -> float:
    words = Path(f"/proc/{peer.pid(0)}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _compared(name: str, costs: dict[str, list[Cost]]) -> list[Row]:
    plain = costs["plaintext"]
    rows: list[Row] = []
    for mode in MODES[1:]:
        for part in ("total", "broker", "client"):
            ours, theirs = ([getattr(cost, part) for cost in some] for some in (costs[mode], plain))
            ratio = median(its / mine for its, mine in zip(theirs, ours, strict=True))
            what = {"total": "broker, writer and reader", "broker": "of it the broker", "client": "of it writer and reader"}[part]
            row = {"figure": f"{mode}, {name}: {what}", "ours": median(ours), "rival_name": "plaintext", "rival": median(theirs)}
            rows.append(row | {"ratio": ratio, "aim": None, "unit": "ms CPU"})
    return rows
