"""Sizes of the images, and how long a service takes from its start until it is ready in its image's root.

Sizes: packed (what a registry sends) and unpacked, against one image that holds what all components need. Layers that images share count
for each. Ready: from the start of the process until its health port says SERVING, in the image's read-only root by its own user, with
PostgreSQL (schema there) and a Kafka of one node (topics there) on this machine; the median of ROUNDS, each with cold model caches: a
container has no others. Its floor is the same service from the clone's environment.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bench import Unmeasurable
from images import config, contents, roots
from images.build import Builder
from tests.support import containers
from tests.support.containers import Container, Ground
from wince.bus.topics import ALL
from wince.local.kafka import KafkaPeer
from wince.local.postgres.server import EmbeddedPostgres
from wince.models import fetch
from wince.serve.service import kafka as kafka_bus
from wince.settings import Settings
from wince.store.database import Database
from wince.store.migrate import migrate

ROUNDS = 3
SERVICES = ("hospital", "care", "record", "grade", "estimate", "detect", "capture")
WAIT_S = 120.0


def run() -> dict[str, Any]:
    """Both."""
    if why := roots.why_not() or containers.why_not():
        raise Unmeasurable(f"{why}; run make images as root on Debian")
    with Builder(tell=_absent) as builder:
        rows = _sizes(builder)
        rows += _ready(builder)
    return {"title": "Images", "rows": rows}


def _absent(layer: str) -> None:
    raise Unmeasurable(f"layer {layer} is not kept; run make images")


def _sizes(builder: Builder) -> list[dict[str, Any]]:
    every = {name for component in contents.components() if component != "torchserve" for name in contents.layers(component)}
    whole = [builder.layer(name) for name in ("os", *sorted(every))]
    rows = []
    for component in contents.components():
        own = [builder.layer(name) for name in ("os", *contents.layers(component))]
        for figure, of in (("packed", "size"), ("unpacked", "unpacked")):
            ours, rival = (sum(getattr(layer, of) for layer in layers) / 1e6 for layers in (own, whole))
            row = {"figure": f"{component}, {figure}", "ours": ours, "unit": "MB", "rival_name": "one image for all", "rival": rival}
            rows.append(row | {"ratio": rival / ours, "aim": None})
    return rows


def _ready(builder: Builder) -> list[dict[str, Any]]:
    rows = []
    with _peers() as (ground, folder):
        for name in SERVICES:
            trees = [builder.tree(layer) for layer in reversed(("os", *contents.layers(name)))]
            times: dict[bool, list[float]] = {True: [], False: []}
            for number in range(ROUNDS):
                for imaged in (True, False):
                    times[imaged].append(_started(ground, folder, name, trees if imaged else [], f"{name}-{number}-{imaged}"))
            ours, floor = median(times[True]), median(times[False])
            row = {"figure": f"{name}, start to ready", "ours": ours, "unit": "s", "rival_name": "from the clone", "rival": floor}
            rows.append(row | {"ratio": floor / ours, "aim": None})
    return rows


def _started(ground: Ground, folder: Path, name: str, root: list[Path], called: str) -> float:
    mounts = {"/etc/wince": folder} | ({} if root else {"/var/lib/wince-models": folder / "models"})
    environment = config.ENVIRONMENT | {"WINCE_CONFIG": "/etc/wince/wince.toml", "WINCE_PG_DSN_FILE": "/etc/wince/dsn"}
    if not root:
        environment.pop("PATH")
    began = time.monotonic()
    empty = ("/tmp", "/var/lib/wince")
    running = ground.start(Container(called, ["wince", "serve", name], environment, mounts, empty=empty, root=root))
    try:
        with grpc.insecure_channel(f"{running.address}:7420") as channel:
            health = health_pb2_grpc.HealthStub(channel)
            while time.monotonic() < began + WAIT_S:
                if running.process.poll() is not None:
                    raise RuntimeError(f"{called} ended: {running.said()[-2000:]}")
                try:
                    if health.Check(health_pb2.HealthCheckRequest(), timeout=1).status == health_pb2.HealthCheckResponse.SERVING:
                        return time.monotonic() - began
                except grpc.RpcError:
                    pass
                time.sleep(0.02)
        raise RuntimeError(f"{called} was not ready in {WAIT_S:g} s: {running.said()[-2000:]}")
    finally:
        running.stop()


@contextmanager
def _peers() -> Iterator[tuple[Ground, Path]]:
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wince-bench-", dir="/var/tmp")))
        place.chmod(0o755)
        ground = stack.enter_context(Ground(place / "ground"))
        peer = KafkaPeer(place / "kafka", hosts=[ground.here])
        starting = threading.Thread(target=peer.start)
        starting.start()
        server = stack.enter_context(EmbeddedPostgres(place / "postgres"))
        starting.join()
        stack.callback(peer.stop)
        with Database(server.dsn(), size=1) as database:
            migrate(database)
        bus = kafka_bus(Settings(kafka_bootstrap=peer.bootstrap, kafka_security="insecure-plaintext"))
        bus.ensure_topics(ALL)
        bus.close()
        folder = place / "config"
        folder.mkdir()
        (folder / "models").mkdir()
        for file in fetch.fetch().values():
            shutil.copy(file, folder / "models")
        ground.lend("postgres", 5432, ("127.0.0.1", int(dict(part.split("=") for part in server.dsn().split())["port"])))
        dsn = " ".join(part for part in server.dsn().split() if not part.startswith(("host=", "port=")))
        (folder / "dsn").write_text(f"host=postgres port=5432 {dsn}")
        settings = (contents.ROOT / "images/trial/wince.toml").read_text().replace('"kafka:9092"', f'"{peer.bootstrap}"')
        (folder / "wince.toml").write_text(settings)
        yield ground, folder
