"""`python -m tests.support.screenshots [DIR]`: the pictures of reports in docs/images, made from the clips that ship (`make screenshots`).

The clips are drawn, of nobody. The date is fixed, so that a picture changes only where a report does.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from wince.assess import batch, inputs
from wince.assess.report import write
from wince.local.peer_cache import cache
from wince.report.write_whole import write_whole
from wince.serve import protocols, scoring
from wince.settings import Settings
from wince.testing import clips
from wince.testing.peers.browser import Look, look

MADE = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
MOST_BYTES = 150_000
"""Of each picture."""
CLIPS = ("bed1", "bed2", "bed3")
NAMES = ("report", "report-dark", "report-phone", "batch", "report-pdf")
"""Of the pictures."""
COLOURS = (0, 256, 128, 64)
"""Of a picture, fewer until it is small enough; 0: all."""


def report(folder: Path) -> tuple[Path, Path, Path]:
    """The reports of the clips that ship, without what was kept before: the index, the page of the first clip, and its PDF."""
    settings = Settings(state_dir=folder / "state")
    protocol = protocols.default(settings)
    scoring.fetch_models(settings, lambda _name, _what: None, protocol)
    found = batch.run(inputs.gather([clips.clip(name) for name in CLIPS]), settings, protocol, report=folder / "out")
    files = write(found.results, folder / "out", protocol, made=MADE)
    page = next(path for path in files if path.name.startswith(CLIPS[0]) and path.suffix == ".html")
    return files[0], page, page.with_suffix(".pdf")


def small(png: bytes) -> bytes:
    """The picture with as few colours as it takes to stay small."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in COLOURS:
        out = io.BytesIO()
        fewer = picture.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE) if colours else picture
        fewer.save(out, "PNG", optimize=True)
        if out.tell() < MOST_BYTES:
            break
    return out.getvalue()


def main() -> int:
    """Write the pictures. Needs Chromium and Debian's poppler-utils."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images")
    with tempfile.TemporaryDirectory(dir=cache().parent if cache().parent.is_dir() else None) as scratch:
        index, page, pdf = report(Path(scratch))
        shots = {name: Path(scratch) / f"{name}.png" for name in NAMES}
        look(
            [
                Look(page, 1440, 1040, axe=False, whole=False, shot=shots["report"]),
                Look(page, 1440, 1040, dark=True, axe=False, whole=False, shot=shots["report-dark"]),
                Look(page, 360, 1400, dark=True, axe=False, whole=False, shot=shots["report-phone"]),
                Look(index, 1440, 640, axe=False, whole=False, shot=shots["batch"]),
            ]
        )  # fmt: skip
        sheet = shots["report-pdf"].with_suffix("")
        subprocess.run(["pdftoppm", "-r", "80", "-png", "-f", "1", "-l", "1", "-singlefile", str(pdf), str(sheet)], check=True)
        for name, shot in shots.items():
            write_whole(target / f"{name}.png", small(shot.read_bytes()))
            print(f"{target / name}.png: {(target / f'{name}.png').stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
