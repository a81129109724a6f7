"""PEEA's published job on the same frames: find the face with its five points, level the eyes, cut, grade by ResNet50. One core.

The packages: facenet-pytorch's MTCNN and torchvision's ResNet50 in torch, eager, in an environment of their own (`.venv-bench-peea`,
made on first use: 6 GB). Ours: MTCNN and ResNet50 on OpenVINO. ResNet50 has random weights on both sides, the same ones; int8 says how
fast it would be, not how right. The paper's 23 ms were taken on its authors' i5-12400.
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
import openvino as ov
from openvino.preprocess import PrePostProcessor

from bench import Unmeasurable
from wince.errors import WinceError
from wince.models.fetch import fetch, path
from wince.models.lock import MTCNN_MODELS
from wince.models.openvino_engine import compile_model, core
from wince.pipeline.detect import align
from wince.pipeline.detect.mtcnn import Mtcnn
from wince.testing.clips import clip

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-bench-peea"
PACKAGES = ("torch==2.15.0", "torchvision==0.29.2", "nncf>=3.4,<4", "openvino>=2026.4,<2027", "requests", "tqdm", "pillow", "numpy")
ALONE = "facenet-pytorch==2.6.0"
"""Installed without what it asks for: it pins a torch of 2024; its code runs on today's."""
CLIP, FRAMES, STEP, ROUNDS = "bed1", 40, 5, 4
PAPER_MS = 23.0
Side = Callable[[int, int], tuple[np.ndarray, int]]
"""Runs over frames START to STOP; gives (n, 2, 2) seconds (CPU and wall; detection and whole), and how many faces were found."""


def run() -> dict[str, Any]:
    """Milliseconds a picture of both sides; the ratio is the median over pairs of neighbouring runs, so that both meet the same load."""
    try:
        fetch(MTCNN_MODELS)
    except WinceError as error:
        raise Unmeasurable(error.diagnostics()) from error
    frames = _frames()
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        with tempfile.TemporaryDirectory() as name, _packages(frames, Path(name)) as rivals:
            sides: dict[str, Side] = {**rivals, **{kind: _Ours(frames, Path(name), kind) for kind in ("fp32", "int8")}}
            times: dict[str, list[np.ndarray]] = {side: [] for side in sides}
            for turn in range(ROUNDS):
                for start in range(0, FRAMES, STEP * 2):
                    for side, work in sides.items():
                        spent, found = work(start, start + STEP * 2)
                        if found != STEP * 2:
                            raise ValueError(f"{side} found {found} faces in {STEP * 2} pictures")
                        if turn:  # the first turn warms all of them
                            times[side].append(spent.mean(axis=0) * 1000)
    finally:
        os.sched_setaffinity(0, before)
    spent = {side: np.array(rows) for side, rows in times.items()}
    shipped, same, fp32, int8 = (spent[side] for side in ("shipped", "same", "fp32", "int8"))
    packages, fair = "facenet-pytorch + torch eager", "the same, smallest face 40 px as ours"
    return {
        "title": f"PEEA's job a picture ({FRAMES} of {CLIP}, 640 x 480, one core, CPU time; ResNet50 with random weights)",
        "rows": [
            _row("detect, align, ResNet50 float32", fp32[:, 0, 1], packages, shipped[:, 0, 1], 5.0),
            _row("detect, align, ResNet50 int8", int8[:, 0, 1], packages, shipped[:, 0, 1], 5.0),
            _row("detect, align, ResNet50 int8", int8[:, 0, 1], fair, same[:, 0, 1], None),
            _row("detect, align, ResNet50 int8, wall", int8[:, 1, 1], packages, shipped[:, 1, 1], None),
            _row("MTCNN alone", fp32[:, 0, 0], packages, shipped[:, 0, 0], None),
            _row("MTCNN alone", fp32[:, 0, 0], fair, same[:, 0, 0], None),
            {
                "figure": "MTCNN alone, wall", "ours": float(np.median(fp32[:, 1, 0])), "rival_name": "the paper, on an i5-12400",
                "rival": PAPER_MS, "ratio": None, "aim": None, "unit": "ms",
            },
        ],
    }  # fmt: skip


def _row(figure: str, ours: np.ndarray, rival_name: str, rival: np.ndarray, aim: float | None) -> dict[str, Any]:
    return {
        "figure": figure, "ours": float(np.median(ours)), "rival_name": rival_name, "rival": float(np.median(rival)),
        "ratio": float(np.median(rival / ours)), "aim": aim, "unit": "ms",
    }  # fmt: skip


def _frames() -> np.ndarray:
    with av.open(str(clip(CLIP))) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack([decoded[index] for index in np.linspace(0, len(decoded) - 1, FRAMES).astype(int)])


class _Ours:
    """MTCNN, the crop by its points, ResNet50; all on OpenVINO, one thread."""

    def __init__(self, frames: np.ndarray, folder: Path, kind: str):
        self.frames, self.mtcnn = frames, Mtcnn(*(path(name) for name in MTCNN_MODELS))
        steps = PrePostProcessor(core().read_model(str(folder / f"resnet50-{kind}.xml")))
        steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
        steps.input().model().set_layout(ov.Layout("NCHW"))
        grey, spread = [255 * one for one in (0.485, 0.456, 0.406)], [255 * one for one in (0.229, 0.224, 0.225)]
        steps.input().preprocess().convert_element_type(ov.Type.f32).mean(grey).scale(spread)
        self.net = compile_model(steps.build()).create_infer_request()

    def __call__(self, start: int, stop: int) -> tuple[np.ndarray, int]:
        times, found = np.empty((stop - start, 2, 2)), 0
        for index, frame in enumerate(self.frames[start:stop]):
            begin = time.process_time(), time.perf_counter()
            faces = self.mtcnn.find(frame)
            middle = time.process_time(), time.perf_counter()
            if faces and faces[0].points is not None:
                found += 1
                crop = align.by_points(frame, faces[0].points)
                self.net.set_input_tensor(ov.Tensor(np.ascontiguousarray(crop[None])))
                self.net.infer()
                int(self.net.get_output_tensor().data.argmax())
            end = time.process_time(), time.perf_counter()
            times[index] = [[m - b, e - b] for b, m, e in zip(begin, middle, end, strict=True)]
        return times, found


@contextlib.contextmanager
def _packages(frames: np.ndarray, folder: Path) -> Iterator[dict[str, Side]]:
    """The packages' side, in a process of its own."""
    pixels, out = folder / "frames.npy", folder / "out.npz"
    np.save(pixels, frames)
    command = [str(one) for one in (_environment(), ROOT / "bench" / "_peea_side.py", pixels, folder)]
    with (
        (folder / "errors").open("w") as errors,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True) as side,
    ):
        assert side.stdin is not None
        assert side.stdout is not None

        def wait(word: str) -> None:
            for line in side.stdout:
                if line.strip() == word:
                    return
            said = (folder / "errors").read_text().strip().splitlines()
            raise Unmeasurable(f"the packages' process ended: {said[-1] if said else 'no message'}; remove {ENVIRONMENT.name}, try again")

        def ask(name: str, start: int, stop: int) -> tuple[np.ndarray, int]:
            side.stdin.write(f"{name} {start} {stop}\n")
            side.stdin.flush()
            wait("done")
            with np.load(out) as found:
                return found["times"], int(found["found"])

        def asker(name: str) -> Side:
            return lambda start, stop: ask(name, start, stop)

        try:
            wait("ready")
            yield {name: asker(name) for name in ("shipped", "same")}
        finally:
            side.stdin.close()


def _environment() -> Path:
    """Python of the environment that holds the packages; made on first use."""
    python = ENVIRONMENT / "bin" / "python"
    wanted = "import facenet_pytorch, nncf, openvino, torch, torchvision"
    if python.exists() and subprocess.run([python, "-c", wanted], check=False, capture_output=True).returncode == 0:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True, capture_output=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for arguments in (PACKAGES, ("--no-deps", ALONE)):
        if subprocess.run([*install, *arguments], check=False, capture_output=True).returncode != 0:
            raise Unmeasurable(f"{', '.join(arguments)} could not be installed (6 GB); connect once and run `make bench` again")
    return python
