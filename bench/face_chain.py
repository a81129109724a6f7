"""The face chain against MediaPipe's own runtime: same files, same frames, one core, second by second in turn.

MediaPipe runs in an environment of its own (`.venv-bench-mediapipe`, made on first use), in video mode with blendshapes: it tracks,
smooths, and detects only when the face is lost. Ours does the same work (region, mesh, smoothing, head pose, blendshapes) and
searches the whole picture once a second besides, because a bedside camera must notice a second face.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from bench import Unmeasurable
from wince.domain.frame import US, Frame
from wince.errors import WinceError
from wince.models.fetch import fetch, path
from wince.models.lock import FACE_MODELS
from wince.pipeline.detect import stage
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.detect.geometry import region_from_detection, region_from_landmarks
from wince.pipeline.detect.smoothing import smooth
from wince.pipeline.estimate.blendshapes import Blendshapes
from wince.protocols.rules import DetectLimits
from wince.testing.clips import clip

MEDIAPIPE = "1.2.2"
ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-bench-mediapipe"
CLIP, SECONDS, FPS, ROUNDS = "bed1", 12, 10, 4
LIMITS = DetectLimits(
    rate_hz=FPS, min_size_px=40, min_brightness=40, min_sharpness=8, max_yaw=40, max_pitch=35, max_roll=60, max_occlusion=0.5,
    min_presence=0.5, full_range=True, search_every_s=1.0,
)  # fmt: skip
Timed = tuple[np.ndarray, np.ndarray]
"""(n, 2) seconds of CPU and wall for each frame, and (n, 478, 3) points in pixels."""
Side = Callable[[int, int], Timed]
"""Runs over frames START to STOP; START 0 begins a new stream."""


def run() -> dict[str, Any]:
    """Milliseconds a frame, ours and MediaPipe's, and how far apart the points are.

    The ratio is the median over pairs of neighbouring seconds, one of each side: on a shared machine both then meet the same load.
    """
    try:
        fetch([*FACE_MODELS, "face_landmarker_task"])
    except WinceError as error:
        raise Unmeasurable(error.diagnostics()) from error
    frames = _frames(CLIP, SECONDS * FPS)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        with _mediapipe(frames) as rival:
            sides: dict[str, Side] = {"rival": rival, "chain": _Chain(frames), "stage": _Stage(frames)}
            times: dict[str, list[np.ndarray]] = {name: [] for name in sides}
            points: dict[str, list[np.ndarray]] = {name: [] for name in sides}
            for second in range(ROUNDS * SECONDS):
                start = second % SECONDS * FPS
                for name, side in sides.items():
                    spent, seen = side(start, start + FPS)
                    times[name].append(spent.mean(axis=0) * 1000)
                    points[name].append(seen)
    finally:
        os.sched_setaffinity(0, before)
    spent = {name: np.array(rows) for name, rows in times.items()}
    apart = np.abs(np.concatenate(points["chain"]) - np.concatenate(points["rival"]))[:, :, :2]
    return {
        "title": f"Face chain ({SECONDS * FPS} frames 640 x 480 of {CLIP}, one core)",
        "rows": [
            _row("face chain a frame, CPU", spent["chain"][:, 0], spent["rival"][:, 0], 1.5),
            _row("face chain a frame, wall", spent["chain"][:, 1], spent["rival"][:, 1], None),
            _row("detect stage (with crop, JPEG, quality) and blendshapes, CPU", spent["stage"][:, 0], spent["rival"][:, 0], None),
            _figure("landmark difference, mean absolute", float(np.nanmean(apart))),
            _figure("landmark difference, 99th percentile", float(np.nanpercentile(apart, 99))),
        ],
    }


def _row(figure: str, ours: np.ndarray, rival: np.ndarray, aim: float | None) -> dict[str, Any]:
    return {
        "figure": figure, "ours": float(np.median(ours)), "rival_name": f"MediaPipe {MEDIAPIPE}, video mode",
        "rival": float(np.median(rival)), "ratio": float(np.median(rival / ours)), "aim": aim, "unit": "ms",
    }  # fmt: skip


def _figure(figure: str, pixels: float) -> dict[str, Any]:
    name = f"MediaPipe {MEDIAPIPE}, video mode"
    return {"figure": figure, "ours": pixels, "rival_name": name, "rival": None, "ratio": None, "aim": None, "unit": "px"}


def _frames(name: str, count: int) -> np.ndarray:
    with av.open(str(clip(name))) as container:
        decoded = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
        return np.stack([frame for frame, _ in zip(decoded, range(count), strict=False)])


class _Chain:
    """The models and what goes between them; nothing else."""

    def __init__(self, frames: np.ndarray):
        self.frames, self.models, self.blendshapes = frames, load_face_models(), Blendshapes(path("face_blendshapes"))

    def __call__(self, start: int, stop: int) -> Timed:
        models = self.models
        if start == 0:
            region = region_from_detection(models.detector.find(self.frames[0])[0])
            self.region = region_from_landmarks(models.mesh.fit(self.frames[0], region).landmarks)
            self.smoothed = None
        times, points = np.empty((stop - start, 2)), []
        for index in range(start, stop):
            frame = self.frames[index]
            cpu, wall = time.process_time(), time.perf_counter()
            if index % FPS == 0:
                models.detector.find(frame)
            mesh = models.mesh.fit(models.wide(frame), self.region)
            self.smoothed = smooth(self.smoothed, mesh.landmarks, round(index * US / FPS))
            self.region = region_from_landmarks(mesh.landmarks)
            models.pose.solve(mesh.landmarks)
            self.blendshapes.read(self.smoothed.landmarks)
            times[index - start] = time.process_time() - cpu, time.perf_counter() - wall
            points.append(self.smoothed.landmarks)
        return times, np.array(points)


class _Stage:
    """Everything that detect does with a frame, and blendshapes."""

    def __init__(self, frames: np.ndarray):
        self.frames, self.models, self.blendshapes = frames, load_face_models(), Blendshapes(path("face_blendshapes"))

    def __call__(self, start: int, stop: int) -> Timed:
        if start == 0:
            self.state = stage.SourceState()
        times, points = np.empty((stop - start, 2)), []
        for index in range(start, stop):
            frame = Frame(CLIP, index, round(index * US / FPS), self.frames[index])
            cpu, wall = time.process_time(), time.perf_counter()
            self.state, face = stage.look(self.state, frame, self.models, LIMITS, None)
            assert face.landmarks is not None
            self.blendshapes.read(face.landmarks)
            times[index - start] = time.process_time() - cpu, time.perf_counter() - wall
            points.append(face.landmarks)
        return times, np.array(points)


@contextlib.contextmanager
def _mediapipe(frames: np.ndarray) -> Iterator[Side]:
    """MediaPipe's side, in a process of its own."""
    python = _environment()
    with tempfile.TemporaryDirectory() as folder:
        pixels, out = Path(folder) / "frames.npy", Path(folder) / "out.npz"
        np.save(pixels, frames)
        arguments = (python, ROOT / "bench" / "_mediapipe_side.py", path("face_landmarker_task"), pixels, FPS, out)
        command = [str(argument) for argument in arguments]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as side:
            assert side.stdin is not None
            assert side.stdout is not None

            def wait() -> None:
                if not side.stdout.readline():
                    raise Unmeasurable("MediaPipe's runtime ended; it needs the Debian packages libegl1 and libgles2")

            def ask(start: int, stop: int) -> Timed:
                side.stdin.write(f"{start} {stop}\n")
                side.stdin.flush()
                wait()
                with np.load(out) as found:
                    return found["times"], found["points"]

            try:
                wait()
                yield ask
            finally:
                side.stdin.close()


def _environment() -> Path:
    """Python of the environment that holds MediaPipe; made on first use."""
    python = ENVIRONMENT / "bin" / "python"
    wanted = f"import importlib.metadata as m, sys; sys.exit(m.version('mediapipe') != '{MEDIAPIPE}')"
    if python.exists() and subprocess.run([python, "-c", wanted], check=False, capture_output=True).returncode == 0:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True, capture_output=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"mediapipe=={MEDIAPIPE}"]
    done = subprocess.run(install, check=False, capture_output=True)
    if done.returncode != 0:
        raise Unmeasurable(f"mediapipe=={MEDIAPIPE} could not be installed; connect once and run `make bench` again")
    return python
