"""The embedded road end to end, against its own floor: decoding the same clip and calling the same models as often, nothing else.

One camera plays a bundled clip, several times over in one file, as it is and as a 720p camera would give it, through everything that
`wince run` does: capture, detect, estimate, bus, grade, record in PostgreSQL, delivery to the EHR sandbox in the same process. Processor
time of this process and of PostgreSQL counts, from the third second of the clip (models are loaded by then) until everything is
delivered. The floor decodes every picture with one thread, converts those that are sampled, and calls each model as often as the road
called it. Both take turns.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np

from bench import Unmeasurable
from wince.demo import play, scenario
from wince.domain.estimate import Estimate
from wince.errors import ResourceError, WinceError
from wince.models.activity import Ensemble
from wince.models.fetch import fetch
from wince.models.lock import FACE_MODELS
from wince.models.openvino_engine import Network
from wince.pipeline.capture.file import FileSource
from wince.protocols.loader import load
from wince.serve import chain
from wince.serve.embedded import Embedded
from wince.settings import Settings
from wince.testing.clips import clip

LAPS, CAMERA_LAPS, ROUNDS, WARM_S = 8, 3, 3, 3
AT = play.moment("2026-01-05T08:00:00Z")


def run() -> dict[str, Any]:
    """Sampled frames per second of processor time, the medians of ROUNDS; the ratio is the median over pairs of turns."""
    try:
        fetch(FACE_MODELS)
    except WinceError as error:
        raise Unmeasurable(error.diagnostics()) from error
    with tempfile.TemporaryDirectory(prefix="wince-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        clips = {"bundled clip, 640 x 480, 10 a second": repeated, "as a camera gives it, 1280 x 720, 25 a second": _camera}
        try:
            rows = [_row(name, make(Path(folder) / "clip.mp4"), Path(folder)) for name, make in clips.items()]
        except ResourceError as error:
            raise Unmeasurable(error.diagnostics()) from None
    return {"title": "The road, one camera, clip to EHR", "rows": rows}


def _row(name: str, path: Path, folder: Path) -> dict[str, Any]:
    calls, frames = _calls(path)
    bare, ours = [], []
    for _ in range(ROUNDS):
        bare.append(_floor(path, calls, frames))
        with tempfile.TemporaryDirectory(dir=folder) as state:
            Path(state).chmod(0o755)
            ours.append(through(path, Path(state)))
    return {
        "figure": f"sampled frames, {name}", "ours": median(ours), "rival_name": "decode + model calls alone", "rival": median(bare),
        "ratio": median(one / floor for one, floor in zip(ours, bare, strict=True)), "aim": 0.8, "unit": "frames/s of one core",
    }  # fmt: skip


def _camera(path: Path) -> Path:
    """The bundled clip as a bedside camera gives it: 720p, 25 pictures a second with noise, 2.5 Mb/s."""
    random = np.random.default_rng(1)
    noise = [random.integers(0, 12, (720, 960, 3), np.uint8) for _ in range(4)]
    with av.open(str(clip("bed1"))) as container:
        pictures = [picture.to_ndarray(width=960, height=720, format="rgb24") for picture in container.decode(video=0)]
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "veryfast", "tune": "zerolatency", "profile": "main"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.bit_rate, stream.codec_context.gop_size = 2_500_000, 50
        canvas = np.full((720, 1280, 3), 90, np.uint8)
        for number in range(CAMERA_LAPS * len(pictures) * 5 // 2):
            canvas[:, 160:1120] = np.minimum(pictures[number * 2 // 5 % len(pictures)], 243) + noise[number % 4]
            out.mux(stream.encode(av.VideoFrame.from_ndarray(canvas, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def repeated(path: Path) -> Path:
    """The bundled clip, LAPS times over in one file at `path`; its pictures are copied, not encoded anew. Gives `path`."""
    with av.open(str(path), "w") as out:
        stream, at = None, 0
        for _ in range(LAPS):
            with av.open(str(clip("bed1"))) as container:
                video = container.streams.video[0]
                if stream is None:
                    stream = out.add_stream_from_template(video)
                for packet in container.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + at, packet.dts + at, stream
                    out.mux(packet)
                at += video.duration or 0
    return path


def _calls(path: Path) -> tuple[Counter[Callable[[], Any]], int]:
    """How often each model is called for this clip, the scorer's ensemble too, and how many frames are sampled of it."""
    protocol, counted = load("activity"), Counter[Callable[[], Any]]()
    run, answers, known = Network.run, Ensemble.answers, dict[int, Callable[[], Any]]()

    def same(model: object, call: Callable[[], Any]) -> Callable[[], Any]:
        return known.setdefault(id(model), call)

    def running(self: Network) -> list[Any]:
        counted[same(self, lambda: run(self))] += 1
        return run(self)

    def answering(self: Ensemble, x: dict[str, Any]) -> Any:
        one = {kind: rows[:1].copy() for kind, rows in x.items()}
        counted[same(self, lambda: answers(self, one))] += len(x["maps"])
        return answers(self, x)

    front = chain.build(Settings(), [protocol])
    Network.run, Ensemble.answers = running, answering  # type: ignore[method-assign]
    try:
        source = FileSource(path, "bench", rate_hz=protocol.detect.rate_hz)
        frames = sum(isinstance(out, Estimate) for message in source for out in front(message))
    finally:
        Network.run, Ensemble.answers = run, answers  # type: ignore[method-assign]
    return counted, frames


def _floor(path: Path, calls: Counter[Callable[[], Any]], frames: int) -> float:
    began, sampled = time.process_time(), 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        step = float(stream.average_rate or 25) / load("activity").detect.rate_hz
        for number, picture in enumerate(container.decode(stream)):
            if number >= sampled * step and sampled < frames:
                picture.reformat(format="rgb24", interpolation="BILINEAR").to_ndarray()
                for call, count in calls.items():  # frame by frame, as the road meets them: caches are as cold
                    for _ in range((sampled + 1) * count // frames - sampled * count // frames):
                        call()
                sampled += 1
    return frames / (time.process_time() - began)


def through(path: Path, state: Path) -> float:
    """Through `wince run`'s own play, its state in `state`; sampled frames per second of processor time."""
    one = scenario.bundled().beds[0]
    beds = scenario.Scenario((replace(one, camera=one.camera.model_copy(update={"path": path})),))
    roads: list[Embedded] = []
    marks: dict[str, tuple[float, float]] = {}

    def on_event(event: str, fields: dict[str, Any]) -> None:
        if event == "beat" and fields["media_s"] >= WARM_S:
            marks.setdefault("first", (_spent(roads[0]), fields["media_s"]))
            marks["last"] = (0.0, fields["media_s"])
        if event == "delivered":
            marks["end"] = (_spent(roads[0]), 0.0)

    with _quiet():
        done = play.play(Settings(state_dir=state), beds, AT, on_event, admitted=roads.append)
    if done.undelivered or done.observations < CAMERA_LAPS:
        raise RuntimeError(f"the road gave {done.observations} observations, {done.undelivered} undelivered")
    seconds = marks["last"][1] - marks["first"][1]
    return seconds * load("activity").detect.rate_hz / (marks["end"][0] - marks["first"][0])


def _spent(road: Embedded) -> float:
    """Processor seconds of this process, and of the database's server with its children."""
    server = road.server.postmaster() if road.server else None
    return time.process_time() + (sum(_family(server)) if server else 0.0)


def _family(postmaster: int) -> Iterator[float]:
    tick = os.sysconf("SC_CLK_TCK")
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, parent, *rest = (stat.parent.name, *stat.read_text().rpartition(")")[2].split()[1:])
        except OSError:
            continue
        if int(pid) == postmaster:
            yield sum(map(int, rest[9:13])) / tick  # with the children that have ended
        elif int(parent) == postmaster:
            yield sum(map(int, rest[9:11])) / tick


@contextmanager
def _quiet() -> Iterator[None]:
    """No warning of the road's log into the table."""
    import logging

    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
