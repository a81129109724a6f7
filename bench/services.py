"""The services of `wince up`, with Apache Kafka and PostgreSQL on this machine: cold start, time to the committed alert, cost of a bed.

Latency counts from 200 ms before a window's end, where its last frame lies at the earliest, to the moment at which another connection
to the database sees what came of it (asked every 25 ms). *Cameras* are bundled clips played in real time through everything; *estimates*
are published onto Kafka in real time by one generator (bench/_services_side.py), so that capture, detect and estimate have no part in
them: 40 beds of video are more than a machine of two cores can look at. Every window of a generated bed raises an alert. *Cameras,
TorchServe* are the same clips under a protocol whose ensemble TorchServe hosts: one small member with random weights, so that what is
measured is the way, not the model. The EHR sandbox runs in the process of the benchmark; every entry is delivered to it meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psycopg

from bench import Unmeasurable, road
from bench.torchserve import PYTHON
from tests.e2e.services_world import AT, World, open_deliveries, story, up
from tests.support.classifiers import write
from wince.demo import scenario
from wince.errors import ConfigError, WinceError
from wince.local import maven
from wince.local.torchserve import installed
from wince.models.fetch import cache_folder, fetch
from wince.models.lock import FACE_MODELS
from wince.models.site import site_folder
from wince.serve.camera_list import bind
from wince.serve.process import SERVICES
from wince.settings import Camera
from wince.store.database import Database
from wince.testing.clips import clip

BEDS, CAMERAS = (1, 10, 40), (1, 10)
WINDOWS = {1: 8, 10: 6, 40: 6}
CAMERAS_S, IDLE_S = 32, 8
ROUNDS = 2
P95_S, COLD_S, TIMES = 3.0, 60.0, 1.25
"""The aims."""
FRAME_S, POLL_S = 0.2, 0.025
LAP_S = 22
Row = dict[str, Any]


def run() -> dict[str, Any]:
    """All of it; takes about five minutes."""
    try:
        fetch(FACE_MODELS)
    except WinceError as error:
        raise Unmeasurable(error.diagnostics()) from error
    if reason := maven.available():
        raise Unmeasurable(reason)
    rows: list[Row] = []
    with _folder() as folder:
        _live(folder, road.repeated(folder / "long.mp4"), rows)
    unmeasured = ""
    try:
        installed(PYTHON)
        with _folder() as folder:
            _served(folder, road.repeated(folder / "long.mp4"), rows)
    except ConfigError as error:
        unmeasured = f"; without TorchServe: {error.diagnostics()}"
    with _folder() as folder:
        rows += _against_embedded(folder, road.repeated(folder / "long.mp4"))
    return {"title": f"Services (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores{unmeasured})", "rows": rows}


def _live(folder: Path, long: Path, rows: list[Row]) -> None:
    """On the wall clock: cold start, nobody, estimates of 1, 10 and 40 beds, cameras of 1 and 10."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    first = _beds("cold", 1, clip("bed1"))
    camera = first.beds[0].camera
    toml = f'[[cameras]]\nid = "{camera.id}"\nbed = "{camera.bed}"\npath = "{camera.clip}"\n'
    began = time.monotonic()
    with up(folder, at=None, toml=toml) as world:
        ready_s = time.monotonic() - began
        world.admit(first, at)
        with world.database() as connection:
            world.until(lambda: bool(connection.execute("SELECT 1 FROM assessment WHERE grade IS NOT NULL").fetchone()))
        cold_s = time.monotonic() - began
        rows += [_row("cold start: `wince up` to all ready", ready_s, "s"), _limit("cold start to the first grade", cold_s, COLD_S)]
        world.play(scenario.Scenario(()))
        time.sleep(5)
        idle = _idle(world)
        rows += [
            _row("nobody watched: processor, everything", idle.share, "% of a core"),
            _row("nobody watched: processor without Kafka and PostgreSQL", 100 * idle.bare / idle.at_s, "% of a core"),
            _row("nobody watched: memory, everything", idle.memory_mb, "MB"),
        ]
        visits = 1
        for count in BEDS:
            scene = _beds(f"est{count}", count, long)
            rows += _figures(f"{count} beds, estimates", count, *_estimates(world, scene, at, visits, WINDOWS[count]), idle)
            visits += count
        _watched(world, "cam", "cameras", long, at, visits, idle, rows)


def _served(folder: Path, long: Path, rows: list[Row]) -> None:
    """On the wall clock: cameras of 1 and 10 beds whose crops an ensemble on TorchServe scores."""
    models = folder / "models"
    models.mkdir()
    for file in cache_folder().iterdir():
        if file.is_file():
            (models / file.name).symlink_to(file)
    write(site_folder(models) / "postoperative-vgg16.onnx", 4, 17)
    chosen = {"WINCE_MODELS_DIR": str(models), "WINCE_PROTOCOL": "postoperative", "WINCE_SERVING__PYTHON": str(PYTHON)}
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    with up(folder, at=None, **chosen) as world:
        world.play(scenario.Scenario(()))
        time.sleep(5)
        idle = _idle(world)
        rows.append(_row("TorchServe hosts the ensemble, nobody watched: memory, everything", idle.memory_mb, "MB"))
        _watched(world, "ens", "cameras, TorchServe", long, at, 0, idle, rows)
        with world.database() as connection:
            graded, closed = connection.execute("SELECT count(grade), count(*) FROM assessment").fetchone() or (0, 0)
        rows.append(_row(f"cameras, TorchServe: windows with a grade, of {closed}", 100 * graded / max(closed, 1), "%"))


def _watched(world: World, prefix: str, name: str, long: Path, at: str, visits: int, idle: Spent, rows: list[Row]) -> None:
    for count in CAMERAS:
        scene = _beds(f"{prefix}{count}", count, long)
        world.admit(scene, at, visits)
        rows += _figures(f"{count} beds, {name}", count, *_cameras(world, scene), idle)
        visits += count


def _idle(world: World) -> Spent:
    before = Spent.of(world)
    time.sleep(IDLE_S)
    return Spent.of(world) - before


def _estimates(world: World, scene: scenario.Scenario, at: str, visits: int, windows: int) -> tuple[list[float], Spent]:
    """Seconds to each alert but those of the first window, and what it cost."""
    with Database((world.state / "run" / "dsn").read_text(), size=1) as database:
        bind(database, [bed.camera for bed in scene.beds], time.time_ns() // 1000 - 120_000_000)
    world.admit(scene, at, visits)
    prefix = scene.beds[0].camera.id.rsplit("-", 1)[0]
    kafka = next(event["event"] for event in world.events if event.get("who") == "kafka" and ":" in event["event"])
    command = [sys.executable, "-m", "bench._services_side", str(world.state), kafka, prefix, str(len(scene.beds)), str(windows)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as side:
        assert side.stdin is not None
        assert side.stdout is not None
        if side.stdout.readline().strip() != "ready":
            raise RuntimeError("the generator did not start")
        before = Spent.of(world)
        side.stdin.write("\n")
        side.stdin.flush()
        sql = (
            "SELECT alert.id, assessment.source, end_us FROM alert JOIN assessment ON assessment.id = assessment WHERE alert.source LIKE %s"
        )
        seen = _seen(world, sql, prefix, (windows + 1) * 5 + 20, len(scene.beds) * windows)
        spent = Spent.of(world) - before
        side.communicate(timeout=60)
    return _late(seen), spent


def _cameras(world: World, scene: scenario.Scenario) -> tuple[list[float], Spent]:
    """Seconds to each window but the first of each camera, and what it cost."""
    prefix = scene.beds[0].camera.id.rsplit("-", 1)[0]
    world.play(scene)
    with world.database() as connection:
        world.until(lambda: bool(connection.execute("SELECT 1 FROM assessment WHERE source LIKE %s", (f"{prefix}-%",)).fetchone()))
    before = Spent.of(world)
    seen = _seen(world, "SELECT id, source, end_us FROM assessment WHERE source LIKE %s", prefix, CAMERAS_S, None)
    spent = Spent.of(world) - before
    world.play(scenario.Scenario(()))
    time.sleep(3)
    return _late(seen), spent


def _seen(world: World, sql: str, prefix: str, seconds: float, wanted: int | None) -> list[tuple[str, int, float]]:
    """Source, window's end and latency of each row of a query, as they appear; until there are as many as `wanted`, or time is up."""
    found: dict[Any, tuple[str, int, float]] = {}
    until = time.monotonic() + seconds
    with world.database() as connection:
        while time.monotonic() < until and (wanted is None or len(found) < wanted):
            rows = connection.execute(sql, (f"{prefix}-%",)).fetchall()
            now = time.time()
            for id_, source, end_us in rows:
                found.setdefault(id_, (source, end_us, now - end_us / 1e6 + FRAME_S))
            time.sleep(POLL_S)
    if wanted is not None and len(found) != wanted:
        raise RuntimeError(f"{len(found)} alerts were committed, not {wanted}")
    return list(found.values())


def _late(seen: list[tuple[str, int, float]]) -> list[float]:
    first: dict[str, int] = {}
    for source, end_us, _ in seen:
        first[source] = min(end_us, first.get(source, end_us))
    return [late for source, end_us, late in seen if end_us > first[source]]


def _figures(name: str, beds: int, late: list[float], spent: Spent, idle: Spent) -> list[Row]:
    if not late:
        raise RuntimeError(f"{name}: nothing came in time")
    p50, p95, p99 = np.percentile(late, (50, 95, 99))
    name = name.replace("1 beds", "1 bed")
    per_bed = (spent.share - idle.share) / beds
    return [
        _row(f"{name}: last frame to commit, p50 of {len(late)}", float(p50), "s"),
        _limit(f"{name}: the same, p95", float(p95), P95_S),
        _row(f"{name}: the same, p99", float(p99), "s"),
        _row(f"{name}: processor, everything", spent.share, "% of a core"),
        _row(f"{name}: processor per bed, above nobody watched", per_bed, "% of a core"),
        _row(f"{name}: memory, everything", spent.memory_mb, "MB"),
        _row(f"{name}: memory per bed, above nobody watched", (spent.memory_mb - idle.memory_mb) / beds, "MB"),
    ]


def _against_embedded(folder: Path, long: Path) -> list[Row]:
    """Processor time of a frame: the same clip through `wince run`'s road and through the services, in turns, as fast as they can."""
    frames = road.LAPS * LAP_S * 5
    ours: list[Spent] = []
    embedded: list[float] = []
    with up(folder) as world:
        _replayed(world, _beds("warm", 1, clip("bed1")), 0, -(-LAP_S // 5))
        idle = _idle(world)
        for number in range(1, ROUNDS + 1):
            state = folder / f"embedded{number}"
            state.mkdir(mode=0o755)
            embedded.append(1000 / road.through(long, state))
            ours.append(_replayed(world, _beds(f"turn{number}", 1, long), number, -(-frames // 25)))
    waited_ms = median(10 * idle.share * one.at_s / frames for one in ours)
    each_ms = {name: median(1000 * one.seconds[name] / frames for one in ours) for name in ours[0].seconds}
    return [
        _against("a frame as services, with Kafka and PostgreSQL", [1000 * sum(one.seconds.values()) / frames for one in ours], embedded),
        _against("a frame as services, without Kafka and PostgreSQL", [1000 * one.bare / frames for one in ours], embedded),
        _row("of that frame: what everything takes with nobody watched, for as long as it took", waited_ms, "ms CPU"),
        *(_row(f"of that frame: {name}", ms, "ms CPU") for name, ms in sorted(each_ms.items(), key=lambda item: -item[1])),
    ]


def _replayed(world: World, scene: scenario.Scenario, visit: int, windows: int) -> Spent:
    world.admit(scene, AT, visit)
    before = Spent.of(world)
    world.play(scene)
    source = scene.beds[0].camera.id
    with world.database() as connection:
        world.until(lambda: sum(one[0] == source for one in story(connection)["windows"].values()) >= windows)
        world.until(lambda: open_deliveries(connection) == 0)
    return Spent.of(world) - before


def _beds(prefix: str, count: int, path: Path) -> scenario.Scenario:
    """Beds of their own with made-up patients of their own."""
    cameras = tuple(Camera(id=f"{prefix}-{number}", bed=f"{prefix}^{number}^A", path=path) for number in range(count))
    beds = scenario.configured(cameras).beds
    return scenario.Scenario(tuple(replace(bed, patient=replace(bed.patient, mrn=f"{prefix}{bed.patient.mrn}")) for bed in beds))  # type: ignore[type-var, union-attr]


@dataclass(frozen=True)
class Spent:
    """Processor time of an installation's processes so far, or between two moments, and its memory then (proportional set size)."""

    at_s: float
    seconds: dict[str, float]
    """By part: each service, its supervisor, kafka, postgres."""
    memory_mb: float

    @classmethod
    def of(cls, world: World) -> Spent:
        """Now."""
        parents, ticks = _processes()
        roots = {pid: name for name in ("kafka", "postgres") if (pid := world.pid(name)) is not None}
        roots |= {pid: name for name in SERVICES if (pid := world.pid(name)) is not None} | {world.process.pid: "supervisor"}
        seconds, memory_kb = dict.fromkeys(roots.values(), 0.0), 0
        for pid in ticks:
            up_to: int | None = pid
            while up_to is not None and up_to not in roots:
                up_to = parents.get(up_to)
            if up_to is not None:
                seconds[roots[up_to]] += ticks[pid] / os.sysconf("SC_CLK_TCK")
                memory_kb += _memory_kb(pid)
        return cls(time.monotonic(), seconds, memory_kb / 1024)

    def __sub__(self, earlier: Spent) -> Spent:
        parts = {name: seconds - earlier.seconds.get(name, 0.0) for name, seconds in self.seconds.items()}
        return Spent(self.at_s - earlier.at_s, parts, self.memory_mb)

    @property
    def bare(self) -> float:
        """Processor seconds without Kafka and PostgreSQL."""
        return sum(seconds for name, seconds in self.seconds.items() if name not in ("kafka", "postgres"))

    @property
    def share(self) -> float:
        """Of a difference: percent of one core, everything."""
        return 100 * sum(self.seconds.values()) / self.at_s


def _processes() -> tuple[dict[int, int], dict[int, int]]:
    """Parent and clock ticks of every process; ticks with those of children that have ended."""
    parents, ticks = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            rest = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(rest[1])
        ticks[int(stat.parent.name)] = sum(map(int, rest[11:15]))
    return parents, ticks


def _memory_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wince-bench-", dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        try:
            yield Path(name)
        except psycopg.Error as error:
            raise RuntimeError(f"the database went away: {type(error).__name__}") from error


def _row(
    figure: str, ours: float, unit: str, rival_name: str = "", rival: float | None = None, ratio: float | None = None,
    aim: float | None = None,
) -> Row:  # fmt: skip
    return {"figure": figure, "ours": ours, "rival_name": rival_name, "rival": rival, "ratio": ratio, "aim": aim, "unit": unit}


def _limit(figure: str, ours: float, limit: float) -> Row:
    return _row(figure, ours, "s", "the limit", limit, limit / ours, 1.0)


def _against(figure: str, ours: list[float], embedded: list[float]) -> Row:
    ratio = median(theirs / mine for theirs, mine in zip(embedded, ours, strict=True))
    return _row(figure, median(ours), "ms CPU", "embedded, with PostgreSQL", median(embedded), ratio, 1 / TIMES)
