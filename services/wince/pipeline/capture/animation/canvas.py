"""Composing an animation whose pictures are patches on what was there before (GIF, APNG).

GIF89a section 23 (disposal method) and the APNG specification (dispose_op, blend_op), read as browsers do: the canvas begins
transparent, and "restore to background" clears to transparent, whatever background colour the file names. Pillow's own reading
carries a GIF's disposal method over to later pictures that name none, and clears an APNG without alpha to black.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from PIL import Image

CLEAR = (0, 0, 0, 0)


class Dispose(IntEnum):
    """What becomes of a patch when its time is over."""

    KEEP = 0
    CLEAR = 1
    """Its rectangle becomes transparent."""
    BEFORE = 2
    """Its rectangle becomes what it was."""


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """One picture of the file."""

    pixels: Image.Image
    """RGBA."""
    x: int
    y: int
    over: bool
    """True: blended over what is there; False: put in its place, transparency included."""
    dispose: Dispose
    length_us: int


def composed(size: tuple[int, int], patches: Iterable[Patch]) -> Iterator[tuple[int, Image.Image]]:
    """Length and picture (RGBA, always the same object) for each patch; `size`: (width, height) of the canvas. What of a patch lies
    beyond the canvas is not seen."""
    canvas = Image.new("RGBA", size, CLEAR)
    for patch in patches:
        box = (patch.x, patch.y, min(size[0], patch.x + patch.pixels.width), min(size[1], patch.y + patch.pixels.height))
        seen = box[0] < box[2] and box[1] < box[3]
        before = canvas.crop(box) if seen and patch.dispose is Dispose.BEFORE else None
        if seen:
            inside = patch.pixels.crop((0, 0, box[2] - box[0], box[3] - box[1]))
            if patch.over:
                canvas.alpha_composite(inside, box[:2])
            else:
                canvas.paste(inside, box)
        yield patch.length_us, canvas
        if before is not None:
            canvas.paste(before, box)
        elif seen and patch.dispose is Dispose.CLEAR:
            canvas.paste(CLEAR, box)
