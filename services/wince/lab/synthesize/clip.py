"""Clips and stills as files: H.264 mp4 or PNG, and the truth as CSV beside.

head = load_head("ict_head.npz")
draw_clip(Path("bed.mp4"), [Person(seed=7, steps=parse_timeline("neutral:4,pain12:5"))], head=head)
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wince.errors import DataError, ResourceError
from wince.lab.synthesize.gl import Renderer
from wince.lab.synthesize.head import Head
from wince.lab.synthesize.person import Person
from wince.lab.synthesize.scene import TRUTH_COLUMNS, Scene, TruthRow

QUALITY = 24
"""x264 CRF."""

Progress = Callable[[int, int], None]
"""Told after every picture: how many are drawn, of how many."""


def draw_frames(
    people: Sequence[Person], *, head: Head, scene: Scene | None = None, times: Sequence[float]
) -> Iterator[tuple[NDArray[np.uint8], list[TruthRow]]]:
    """Pictures RGB (h, w, 3) at `times` (seconds) with their truth, one row per person; frame numbers count from 0."""
    if not people:
        raise DataError("nobody to draw", field="people", remedy="at least one person")
    with Renderer(people, head, scene or Scene()) as renderer:
        for number, t in enumerate(times):
            yield renderer.frame(number, float(t))


def draw_clip(
    out: Path,
    people: Sequence[Person],
    *,
    head: Head,
    scene: Scene | None = None,
    fps: int = 10,
    quality: int = QUALITY,
    progress: Progress = lambda _done, _all: None,
) -> list[TruthRow]:
    """Write `out` (mp4, H.264, no sound) and the truth as CSV beside it; as long as the first person's timeline.

    Same arguments and software: same bytes. A clip that could not be finished leaves no file.
    Raises DataError for arguments that make no clip, ResourceError where it can't be drawn or written.
    """
    if not people:
        raise DataError("nobody to draw", field="people", remedy="at least one person")
    if not 1 <= fps <= 60:
        raise DataError(f"{fps} frames a second", field="fps", remedy="1 to 60")
    scene = scene or Scene()
    count = round(people[0].duration_s * fps)
    if count < 1:
        raise DataError("a timeline shorter than a frame", field="timeline", remedy="lengthen it")
    rows: list[TruthRow] = []
    part = out.with_suffix(".part.mp4")

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for number, (image, truth) in enumerate(draw_frames(people, head=head, scene=scene, times=[i / fps for i in range(count)])):
            rows.extend(truth)
            yield image
            progress(number + 1, count)

    try:
        with writing(out):
            _encode(part, pictures(), scene.size, fps, quality)
            part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    write_truth(out.with_suffix(".csv"), rows)
    return rows


def draw_still(out: Path, people: Sequence[Person], *, head: Head, scene: Scene | None = None, at_s: float) -> list[TruthRow]:
    """Write `out` (PNG), the scene at `at_s` seconds, and its truth as CSV beside it. Raises DataError, ResourceError."""
    if not people or not 0 <= at_s < people[0].duration_s:
        raise DataError(f"{at_s} s", field="still", remedy="seconds within the first person's timeline")
    ((image, rows),) = draw_frames(people, head=head, scene=scene, times=[at_s])
    with writing(out):
        Image.fromarray(image).save(out, "PNG")
    write_truth(out.with_suffix(".csv"), rows)
    return rows


def write_truth(path: Path, rows: Sequence[TruthRow]) -> None:
    """Write rows of TRUTH_COLUMNS as CSV. Raises ResourceError."""
    with writing(path), path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, TRUTH_COLUMNS)
        table.writeheader()
        table.writerows(rows)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """An OSError inside as a ResourceError that names the file."""
    try:
        yield
    except OSError as error:  # PyAV's errors of files are such, too
        raise ResourceError(
            f"can't be written ({error.strerror or type(error).__name__})", field=path, remedy="check folder, space and permission"
        ) from error


def _encode(path: Path, pictures: Iterator[NDArray[np.uint8]], size: tuple[int, int], fps: int, quality: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        # asm=0: x264's assembly gave other bytes from run to run (1 of 6 at 320 x 240); its plain C never did, and does not ask the CPU
        stream.options = {"crf": str(quality), "preset": "medium", "threads": "1", "x264-params": "asm=0"}
        for pixels in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
