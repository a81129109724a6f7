"""What kafka-python costs: the bus and the bare library against confluent-kafka (librdkafka), for messages as ours are.

500 bytes is an estimate or a beat, 30 KB a face with its crop. One broker on this machine, idempotent, all acknowledgements; consumers
commit every batch. confluent-kafka runs in an environment of its own (`.venv-bench-confluent`, made on first use). Each figure is the
best of ROUNDS, in turn: client and broker share the cores with whatever else runs.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import Unmeasurable
from wince.bus.kafka_options import KafkaOptions
from wince.errors import WinceError
from wince.testing.peers import KafkaPeer, available

CONFLUENT = "2.16.1"
ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-bench-confluent"
SIZES = {500: 20_000, 30_000: 2_000}
ROUNDS = 3
CLIENTS = ("bus", "kafka-python", "confluent")


def run() -> dict[str, Any]:
    """Messages a second out and in, and the time of one acknowledged message; of the bus and the bare library, against librdkafka."""
    if reason := available():
        raise Unmeasurable(reason)
    _environment()
    best: dict[tuple[str, int, str], float] = {}
    with tempfile.TemporaryDirectory(prefix="wince-bench-kafka-") as folder:
        try:
            with KafkaPeer(Path(folder), heap_mb=512) as peer:
                for turn in range(ROUNDS):
                    for size, count in SIZES.items():
                        _turn(best, peer.bootstrap, f"bench.{turn}.{size}", size, count)
        except WinceError as error:
            raise Unmeasurable(error.diagnostics()) from error
    rows = []
    for size in SIZES:
        for mode in ("produce", "consume", "latency"):
            for client in ("kafka-python", "bus"):
                ours, its = best[mode, size, client], best[mode, size, "confluent"]
                ratio = its / ours if mode == "latency" else ours / its
                what = "one acknowledged message" if mode == "latency" else mode
                row = {"figure": f"{what}, {size:,} B, {client}", "ours": ours, "rival_name": f"confluent-kafka {CONFLUENT}"}
                rows.append(row | {"rival": its, "ratio": ratio, "aim": None, "unit": "ms" if mode == "latency" else "messages/s"})
    return {"title": "Kafka: kafka-python and the bus on it against librdkafka", "rows": rows}


def _turn(best: dict[tuple[str, int, str], float], bootstrap: str, topic: str, size: int, count: int) -> None:
    """One round: every client fills a topic of its own, reads it, and waits for single messages."""
    admin = KafkaOptions(bootstrap).admin()
    try:
        names = [f"{topic}.{client}{warm}" for client in CLIENTS for warm in ("", ".warm")]
        admin.create_topics({name: {"num_partitions": 12} for name in names}, wait_for_metadata=True)
        for mode, number in (("produce", count), ("consume", count), ("latency", 200)):
            for client in CLIENTS:
                figure = _side(client, mode, bootstrap, f"{topic}.{client}", size, number)
                known = best.get((mode, size, client))
                pick = min if mode == "latency" else max
                best[mode, size, client] = figure if known is None else pick(known, figure)
        admin.delete_topics(names)
    finally:
        admin.close()


def _side(client: str, mode: str, bootstrap: str, topic: str, size: int, count: int) -> float:
    # -P: this folder on the path would hide the library of the same name
    python = ENVIRONMENT / "bin" / "python" if client == "confluent" else Path(sys.executable)
    command = [str(python), "-P", str(Path(__file__).with_name("_kafka_side.py")), client, mode, bootstrap, topic, str(size), str(count)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{client} {mode}: {done.stderr.strip().splitlines()[-1:]}")
    return float(done.stdout)


def _environment() -> None:
    """Make it where it is not there or of another version."""
    stamp = ENVIRONMENT / f"confluent-{CONFLUENT}"
    if stamp.exists():
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True, capture_output=True)
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "-q", f"confluent-kafka=={CONFLUENT}"]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unmeasurable(f"confluent-kafka {CONFLUENT} can't be installed: {done.stderr.strip().splitlines()[-1:]}")
    stamp.touch()
