# ruff: noqa: RUF005  (arrays are added, not concatenated)
"""Skin paint and wrinkles of the varied looks, drawn anew for each person; no function of paint.py's or unseen.py's is called.

The texture is half as wide as the usual one; points come in pixels of the usual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from wince.lab.synthesize.paint import TEXTURE, TONES
from wince.lab.synthesize.person import Actor

SIZE = TEXTURE // 2
Rng = np.random.Generator
Floats = NDArray[np.float32]
Points = NDArray[np.float64]
Draw = ImageDraw.ImageDraw


class Skin:
    """A sheet of albedo that layers are laid upon."""

    def __init__(self, base: Points) -> None:
        self.sheet: Floats = np.broadcast_to(base, (SIZE, SIZE, 3)).astype(np.float32)

    def lay(self, colour: Points, opacity: float, blur: float, draw: Callable[[Draw], None], grain: Floats | None = None) -> None:
        """Paint `draw`'s shape, blurred, with that colour (sRGB) and opacity; `grain` (SIZE, SIZE, 1) thins it."""
        image = Image.new("L", (SIZE, SIZE), 0)
        draw(ImageDraw.Draw(image))
        mask = np.asarray(image.filter(ImageFilter.GaussianBlur(blur)), np.float32)[..., None] * np.float32(opacity / 255)
        if grain is not None:
            mask = mask * grain
        self.sheet = self.sheet * (1 - mask) + colour.astype(np.float32) * mask

    def tint(self, centre: Points, radius: float, change: Sequence[float]) -> None:
        """Multiply by 1 + change (3,) round a centre, fading."""
        y, x = np.ogrid[:SIZE, :SIZE]
        fall = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * radius**2)).astype(np.float32)[..., None]
        self.sheet = self.sheet * (1 + fall * np.asarray(change, np.float32))


def _noise(rng: Rng, cells: int) -> Floats:
    """(SIZE, SIZE, 1) in -1..1, patches of SIZE / cells."""
    grid = Image.fromarray(rng.integers(0, 256, (cells, cells)).astype(np.uint8))
    return np.asarray(grid.resize((SIZE, SIZE), Image.Resampling.BILINEAR), np.float32)[..., None] / 127.5 - 1


def _line(points: Iterable[Points]) -> list[tuple[float, float]]:
    return [(float(q[0]), float(q[1])) for q in points]


def _stroke(points: Iterable[Points], width: int, fill: int = 255) -> Callable[[Draw], None]:
    course = _line(points)
    return lambda d: d.line(course, fill=fill, width=width)


def skin(actor: Actor, points: Points) -> NDArray[np.uint8]:
    """Albedo seen from the front, sRGB (512, 512, 3); points (68, 2) in pixels of the usual texture."""
    rng = np.random.default_rng([actor.person.seed, 31])
    u, p = rng.uniform, points / 2
    tone = float(np.clip(actor.person.tone + u(-0.7, 0.7), 1, 6))
    low, mix = int(tone), tone - int(tone)
    base, lips, hair = (np.array(TONES[low][k]) * (1 - mix) + np.array(TONES[min(low + 1, 6)][k]) * mix for k in range(3))
    base = base * u(0.88, 1.1) * np.array((u(0.95, 1.06), 1.0, u(0.88, 1.1)))
    hair = hair * u(0.6, 1.8) * (1 - actor.grey) + 150 * actor.grey
    sheet = Skin(base)
    for cells, force in ((6, u(0, 0.07)), (40, u(0, 0.08)), (256, u(0, 0.08))):
        sheet.sheet = sheet.sheet * (1 + np.float32(force) * _noise(rng, cells) * np.array((0.8, 1, 1), np.float32))
    _regions(sheet, p, rng)
    _mouth(sheet, p, lips, rng)
    _brows(sheet, p, hair, rng)
    _eyes(sheet, p, base, rng)
    _marks(sheet, p, base, actor.age, rng)
    if rng.random() < 0.3:
        _stubble(sheet, p, hair, rng)
    if actor.age > 0.3:
        _standing_lines(sheet, p, base, actor.age, rng)
    return np.clip(sheet.sheet, 0, 255).astype(np.uint8)


def _regions(sheet: Skin, p: Points, rng: Rng) -> None:
    """Cheeks, nose, forehead and chin a little redder or paler, the hollows of the eyes darker or not."""
    flush = rng.uniform(-0.02, 0.12)
    for eye, wing in ((36, 31), (45, 35)):
        cheek = 0.4 * p[eye] + 0.6 * p[wing] + np.sign(p[eye][0] - SIZE / 2) * np.array((30, 6))
        sheet.tint(cheek, rng.uniform(18, 40), (flush, -flush, -flush))
    nose = rng.uniform(-0.02, 0.12)
    sheet.tint(p[30], rng.uniform(8, 24), (nose, -nose, -nose))
    shade = rng.uniform(-0.3, 0.05)
    for pair in ((36, 39), (42, 45)):
        sheet.tint(p[list(pair)].mean(0) + (0, rng.uniform(-4, 12)), rng.uniform(14, 28), (shade, shade, 0.9 * shade))
    for centre in (p[27] - (0, 70), p[8] - (0, 12)):
        change = rng.uniform(-0.1, 0.1)
        sheet.tint(centre, 40, (change, change, change))


def _mouth(sheet: Skin, p: Points, lips: Points, rng: Rng) -> None:
    colour = lips * rng.uniform(0.75, 1.25)
    if rng.random() < 0.2:  # lipstick
        colour = np.array(((170.0, 30.0, 48.0), (120.0, 32.0, 60.0), (205.0, 96.0, 96.0))[rng.integers(3)]) * rng.uniform(0.8, 1.1)
    edge = p[48:60] + (p[48:60] - p[48:60].mean(0)) * rng.uniform(-0.06, 0.08)
    sheet.lay(colour, rng.uniform(0.3, 1.0), rng.uniform(1, 4), lambda d: d.polygon(_line(edge), fill=255))
    sheet.lay(lips * 0.45, rng.uniform(0.2, 0.8), 1, lambda d: d.line(_line(p[60:65]), fill=220, width=2))


def _brows(sheet: Skin, p: Points, hair: Points, rng: Rng) -> None:
    """Brows of any thickness, density, height and slant: tapered areas under strokes."""
    height, slant, thick = rng.uniform(-5, 4), rng.uniform(-4, 4), rng.uniform(3, 13)
    dense, under = int(rng.integers(60, 700)), rng.uniform(0, 0.6)
    long, steep = rng.uniform(2, 8), rng.uniform(-4, 1)
    force = rng.uniform(0.25, 1.0)
    for ids, outward in ((range(17, 22), -1), (range(26, 21, -1), 1)):  # from the outer end inward
        share = np.linspace(0, 1, 5)
        line = p[list(ids)] + np.stack([np.zeros(5), height + slant * (share - 0.5)], 1)
        wide = thick * np.array((0.25, 0.6, 0.9, 1.0, 0.8))
        area = [*_line(line - np.stack([0 * wide, wide / 2], 1)), *_line((line + np.stack([0 * wide, wide / 2], 1))[::-1])]

        def shape(d: Draw, area: list[tuple[float, float]] = area) -> None:
            d.polygon(area, fill=255)

        def strokes(d: Draw, line: Points = line, wide: Points = wide, outward: int = outward) -> None:
            for where in rng.uniform(0, 3.999, dense):
                k, part = int(where), where % 1
                spread = (wide[k] * (1 - part) + wide[k + 1] * part) / 2
                root = line[k] * (1 - part) + line[k + 1] * part + (0, rng.uniform(-spread, spread))
                tip = root + (outward * rng.uniform(0.3, 1) * long, steep + rng.uniform(-2, 1))
                d.line(_line((root, tip)), fill=int(rng.uniform(90, 255)), width=1)

        sheet.lay(hair, under * force, rng.uniform(1, 3), shape)
        sheet.lay(hair, force, 0.6, strokes)


def _eyes(sheet: Skin, p: Points, base: Points, rng: Rng) -> None:
    """Lash lines of any weight; seldom eye shade; bags."""
    upper, lower, dark = int(rng.integers(1, 5)), int(rng.integers(1, 3)), rng.uniform(0.05, 0.35)
    shaded = rng.random() < 0.2
    paint = base * np.array((rng.uniform(0.4, 0.9), rng.uniform(0.4, 0.8), rng.uniform(0.5, 1.1)))
    bags = rng.uniform(0, 0.3)
    for ids, under in (((36, 37, 38, 39), (39, 40, 41, 36)), ((42, 43, 44, 45), (45, 46, 47, 42))):
        if shaded:
            lid = p[list(ids)] - (0, 6)
            sheet.lay(paint, rng.uniform(0.2, 0.7), 4, _stroke(lid, 10))
        bag = p[list(under)] + (0, 9)
        sheet.lay(base * 0.7, bags, 3, _stroke(bag, 4))
        sheet.lay(base * dark, 0.9, 0.8, _stroke(p[list(ids)], upper, 240))
        sheet.lay(base * dark, 0.6, 0.8, _stroke(p[list(under)], lower, 150))


def _marks(sheet: Skin, p: Points, base: Points, age: float, rng: Rng) -> None:
    """Freckles, moles, age spots, a scar or a plaster."""
    low, high = p.min(0) - (20, 60), p.max(0) + (20, 0)

    def dots(count: int, least: float, most: float, least_fill: int) -> Callable[[Draw], None]:
        def draw(d: Draw) -> None:
            for _ in range(count):
                (x, y), size = rng.uniform(low, high), rng.uniform(least, most)
                d.ellipse((x - size, y - size * rng.uniform(0.6, 1), x + size, y + size), fill=int(rng.uniform(least_fill, 255)))

        return draw

    if rng.random() < 0.3:
        sheet.lay(base * (0.72, 0.6, 0.5), rng.uniform(0.2, 0.7), 0.6, dots(int(rng.integers(20, 220)), 0.4, 1.4, 60))
    sheet.lay(base * 0.3, 0.8, 0.6, dots(int(rng.integers(0, 4)), 0.8, 2.4, 160))
    if age > 0.5:
        sheet.lay(base * (0.75, 0.66, 0.58), rng.uniform(0.1, 0.6), 1.5, dots(int(rng.integers(2, 30)), 1, 6, 60))
    if rng.random() < 0.08:
        start = rng.uniform(low, high)
        end = start + rng.uniform(-40, 40, 2)
        colour, width = (base * 1.2, 2) if rng.random() < 0.5 else (np.array((222.0, 190.0, 160.0)), 12)
        sheet.lay(colour, 0.8, 0.7, lambda d: d.line(_line((start, end)), fill=255, width=width))


def _stubble(sheet: Skin, p: Points, hair: Points, rng: Rng) -> None:
    """A shadow of a beard, or a short one: chin, jaw and upper lip, the mouth left free."""
    jaw = [*p[2:15], p[54] + (14, -6), p[33] + (0, 4), p[48] + (-14, -6)]
    grain = (rng.random((SIZE, SIZE, 1)) < rng.uniform(0.3, 0.9)).astype(np.float32)
    mouth = sheet.sheet.copy()
    sheet.lay(hair, rng.uniform(0.15, 0.75), rng.uniform(4, 10), lambda d: d.polygon(_line(jaw), fill=255), grain)
    image = Image.new("L", (SIZE, SIZE), 0)
    ImageDraw.Draw(image).polygon(_line(p[48:60]), fill=255)
    free = np.asarray(image.filter(ImageFilter.GaussianBlur(1.5)), np.float32)[..., None] / 255
    sheet.sheet = np.asarray(sheet.sheet * (1 - free) + mouth * free, np.float32)


def _standing_lines(sheet: Skin, p: Points, base: Points, age: float, rng: Rng) -> None:
    """Lines that stay when the face rests, as old faces have them: any of the places where pain draws its own."""
    for lines in _lines(p, rng):
        if rng.random() < 0.5:
            force, wide = float(rng.uniform(0, 0.55) * age), int(rng.integers(1, 4))
            courses = [_line(one) for one in lines]

            def draw(d: Draw, courses: list[list[tuple[float, float]]] = courses, wide: int = wide) -> None:
                for course in courses:
                    d.line(course, fill=255, width=wide)

            sheet.lay(base * 0.55, force, rng.uniform(0.6, 2), draw)


def _lines(p: Points, rng: Rng) -> list[list[list[Points]]]:
    """Courses of lines between the brows, round the eyes, beside nose and mouth, over the forehead; points in pixels of any texture.

    How many, how long, how steep is drawn; `s` scales to the texture by the distance of the eyes.
    """
    u = rng.uniform
    s = float(np.linalg.norm(p[45] - p[36])) / 330
    brow, root = p[[21, 22]].mean(0), p[27]
    between = []
    for x in sorted(u(-16, 16, int(rng.integers(1, 4)))):
        top, lean = u(-46, -20), u(-5, 5)
        between.append([brow + s * np.array((x + lean * k, top + k * u(24, 34))) for k in range(3)])
    eyes = []
    fan, reach, drop = int(rng.integers(1, 5)), u(26, 62), u(0.4, 1.2)
    for corner, inner, side in ((p[36], p[39], -1), (p[45], p[42], 1)):
        for dy in np.linspace(-26, 34, fan):
            eyes.append([corner + s * np.array((side * 10, dy * 0.3)), corner + s * np.array((side * reach, dy * drop + 6))])
        if rng.random() < 0.7:
            sag = u(24, 52)
            middle = 0.5 * (inner + corner) + s * np.array((0, sag))
            eyes.append([inner + s * np.array((side * 2, 18)), middle, corner + s * np.array((side * 2, 12))])
    folds = []
    for y in u(0, 44, int(rng.integers(1, 5))):
        half = u(12, 28)
        folds.append([root + s * np.array((x, y + abs(x) * u(0, 0.25))) for x in (-half, 0, half)])
    out, low = u(14, 36), u(0.2, 1.0)
    for wing, mouth, side in ((p[31], p[48], -1), (p[35], p[54], 1)):
        end = wing * (1 - low) + mouth * low + s * np.array((side * u(20, 40), u(-8, 20)))
        folds.append([wing + s * np.array((side * 10, u(-34, -14))), wing + s * np.array((side * out, u(-6, 16))), end])
    forehead = []
    for height in u(55, 170, int(rng.integers(1, 5))):
        half, bow = u(70, 160), u(-12, 12)
        forehead.append([brow + s * np.array((half * t, -height + bow * (1 - t * t))) for t in np.linspace(-1, 1, 9)])
    return [between, eyes, folds, forehead]


def wrinkles(points: Points, seed: int) -> NDArray[np.uint8]:
    """Masks (512, 512, 4) in the order of paint.paint_wrinkles, each of its own width, softness and depth; some persons show hardly any."""
    rng = np.random.default_rng([seed, 32])
    depth = rng.uniform(0.1, 1.0)
    planes = []
    for lines in _lines(points / 2, rng):
        image = Image.new("L", (SIZE, SIZE), 0)
        draw, width = ImageDraw.Draw(image), int(rng.integers(1, 5))
        for line in lines:
            draw.line(_line(line), fill=int(rng.uniform(120, 255)), width=width, joint="curve")
        soft = np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 3.0))), np.float32)
        planes.append(np.clip(soft * depth * rng.uniform(0.5, 1.3), 0, 255).astype(np.uint8))
    return np.dstack(planes)
