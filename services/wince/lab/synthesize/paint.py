# ruff: noqa: RUF005  (arrays are added, not concatenated)
"""Skin, wrinkles and hair, drawn from the head's own landmarks; no picture of a real person is involved."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from wince.lab.synthesize.head import Head
from wince.lab.synthesize.person import Actor

Array = NDArray[Any]
Draw = ImageDraw.ImageDraw

TEXTURE = 1024
"""Pixels of the skin texture: a planar front projection of the box below."""
LEFT, RIGHT, BOTTOM, TOP = -12.0, 12.0, -12.0, 16.0
"""cm, in the head's rest pose."""
SKIN, EYE, PLAIN = 0.0, 1.0, 2.0
"""Kinds of surface, as the shader knows them."""

TONES: dict[int, tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]] = {
    1: ((238, 202, 186), (200, 126, 118), (128, 96, 66)),
    2: ((222, 180, 156), (184, 110, 102), (84, 58, 42)),
    3: ((200, 154, 124), (164, 96, 88), (52, 38, 30)),
    4: ((166, 118, 88), (138, 82, 74), (36, 26, 22)),
    5: ((122, 82, 60), (112, 66, 60), (24, 19, 17)),
    6: ((86, 57, 44), (92, 54, 52), (18, 15, 14)),
}
"""Skin, lips, brows and hair (sRGB 0-255) by tone, 1 lightest to 6 darkest."""


def texture_points(head: Head) -> Array:
    """(68, 2) landmarks of the rest pose in pixels of the texture."""
    rest = head.neutral[head.landmarks]
    return np.stack([(rest[:, 0] - LEFT) / (RIGHT - LEFT), (TOP - rest[:, 1]) / (TOP - BOTTOM)], 1) * TEXTURE


def _at(points: Array, ids: Iterable[int]) -> list[tuple[float, float]]:
    return [(float(points[i][0]), float(points[i][1])) for i in ids]


def _colour(values: Array) -> tuple[int, int, int]:
    return int(values[0]), int(values[1]), int(values[2])


def _layer(image: Image.Image, colour: Array, blur: float, draw: Callable[[Draw], None]) -> None:
    mask = Image.new("L", image.size, 0)
    draw(ImageDraw.Draw(mask))
    image.paste(Image.new("RGB", image.size, _colour(colour)), (0, 0), mask.filter(ImageFilter.GaussianBlur(blur)))


def _spot(centre: Array, radius: float) -> Array:
    yy, xx = np.mgrid[:TEXTURE, :TEXTURE]
    falls: Array = np.exp(-((xx - centre[0]) ** 2 + (yy - centre[1]) ** 2) / (2 * radius**2))[..., None]
    return falls


def paint_skin(actor: Actor, points: Array) -> NDArray[np.uint8]:
    """Albedo seen from the front, sRGB (1024, 1024, 3): skin, lips, brows, lash lines, redness, blotches."""
    rng = np.random.default_rng([actor.person.seed, 78])
    skin, lips, hair = (np.array(c) for c in TONES[actor.person.tone])
    hair = hair * (1 - actor.grey) + 150 * actor.grey
    image = Image.new("RGB", (TEXTURE, TEXTURE), _colour(skin))

    def brows(draw: Draw) -> None:
        thick = rng.uniform(12, 20)
        for ids in (range(17, 22), range(22, 27)):
            line = points[list(ids)]
            outward = 1 if ids[0] == 22 else -1
            for where in rng.uniform(0, 3.999, 900):
                k, part = int(where), where % 1
                root = line[k] * (1 - part) + line[k + 1] * part + (0, rng.uniform(-2, thick))
                tip = root + (outward * rng.uniform(4, 12), rng.uniform(-9, 1))
                draw.line([tuple(root), tuple(tip)], fill=int(rng.uniform(110, 230)), width=1)

    def lashes(draw: Draw) -> None:
        for ids in ((36, 37, 38, 39), (42, 43, 44, 45)):
            draw.line(_at(points, ids), fill=220, width=5)
        for ids in ((39, 40, 41, 36), (45, 46, 47, 42)):
            draw.line(_at(points, ids), fill=90, width=3)

    _layer(image, lips, 4, lambda draw: draw.polygon(_at(points, range(48, 60)), fill=235))
    _layer(image, lips * 0.55, 2, lambda draw: draw.line(_at(points, range(60, 65)), fill=150, width=4))
    _layer(image, hair, 1.0, brows)
    _layer(image, np.array((25, 18, 16)), 1.5, lashes)
    out = np.asarray(image).astype(np.float32)
    for index, radius, force in ((30, 45, 0.8), (31, 20, 0.6), (35, 20, 0.6)):
        out *= 1 + force * _spot(points[index], radius) * np.array([0.06, -0.05, -0.05])
    for eye, wing in ((36, 31), (45, 35)):  # cheeks
        centre = 0.3 * points[eye] + 0.7 * points[wing] + np.sign(points[eye][0] - 512) * np.array([70, 0])
        out *= 1 + _spot(centre, 60) * np.array([0.05, -0.04, -0.04])
    for pair in ((36, 39), (42, 45)):  # shade round the eyes
        out *= 1 - 0.14 * _spot(points[list(pair)].mean(0), 42)
    blotches = Image.fromarray(rng.integers(0, 255, (48, 48)).astype(np.uint8)).resize(image.size, Image.Resampling.BICUBIC)
    out *= 1 + 0.07 * (np.asarray(blotches)[..., None] / 255.0 - 0.5) + 0.02 * rng.normal(size=(TEXTURE, TEXTURE, 1))
    return np.clip(out, 0, 255).astype(np.uint8)


def paint_wrinkles(points: Array) -> NDArray[np.uint8]:
    """Masks (1024, 1024, 4): brow furrows (AU4), round the eyes (AU6, 7), nose and cheek folds (AU9, 10), forehead."""
    centre = points[[21, 22]].mean(0)

    def plane(lines: Sequence[Sequence[Array]], width: int) -> Array:
        mask = Image.new("L", (TEXTURE, TEXTURE), 0)
        draw = ImageDraw.Draw(mask)
        for line in lines:
            draw.line([(float(p[0]), float(p[1])) for p in line], fill=255, width=width, joint="curve")
        return np.asarray(mask.filter(ImageFilter.GaussianBlur(2.5)))

    furrows = [[centre + (s * 9, -26), centre + (s * 12, 8), centre + (s * 10, 34)] for s in (-1, 1)]
    eyes = []
    for corner, inner, side in ((points[36], points[39], -1), (points[45], points[42], 1)):
        eyes += [[corner + (side * 14, dy * 0.4), corner + (side * 46, dy * 1.6)] for dy in (-16, 2, 20)]
        eyes.append([inner + (side * 4, 24), 0.5 * (inner + corner) + (0, 40), corner + (side * 6, 28)])
    folds = [[points[27] + (-22, dy + 3), points[27] + (0, dy), points[27] + (22, dy + 3)] for dy in (2, 18, 34)]
    for wing, mouth, side in ((points[31], points[48], -1), (points[35], points[54], 1)):
        folds.append([wing + (side * 18, -22), wing + (side * 40, 18), mouth + (side * 30, -14), mouth + (side * 28, 14)])
    forehead = [[centre + (dx, -dy + 6 * math.cos(dx / 60)) for dx in range(-150, 151, 30)] for dy in (90, 120, 150)]
    return np.dstack([plane(furrows, 5), plane(eyes, 3), plane(folds, 5), plane(forehead, 4)])


def _smooth(value: Array) -> Array:
    value = np.clip(value, 0, 1)
    eased: Array = value * value * (3 - 2 * value)
    return eased


def paint_vertices(actor: Actor) -> tuple[Array, Array]:
    """Per vertex (v, 4): colour or eye direction and kind of surface; and (v,) the amount of hair, 0-1."""
    head, rest = actor.head, actor.head.neutral
    paint = np.zeros((len(rest), 4), np.float32)  # kind SKIN
    for name, colour in (
        ("mouth_socket", (0.20, 0.06, 0.06)),
        ("eye_socket_left", (0.35, 0.15, 0.13)),
        ("eye_socket_right", (0.35, 0.15, 0.13)),
        ("gums_and_tongue", (0.52, 0.24, 0.23)),
        ("teeth", (0.84, 0.80, 0.70)),
    ):
        part = rest[head.parts[name]]
        depth = _smooth((part[:, 2:3] - 3) / 7) if name in ("teeth", "gums_and_tongue") else np.ones((len(part), 1))
        paint[head.parts[name]] = np.hstack([np.array(colour) * np.ones((len(part), 1)) * depth, np.full((len(part), 1), PLAIN)])
    for name in ("sclera_left", "sclera_right"):
        ball = rest[head.parts[name]]
        centre = ball.mean(0)
        centre[2] = ball[:, 2].max() - np.ptp(ball[:, 0]) / 2
        paint[head.parts[name]] = np.c_[(ball - centre) / np.linalg.norm(ball - centre, axis=1, keepdims=True), np.full(len(ball), EYE)]
    hair = np.zeros(len(rest), np.float32)
    if actor.hair_style:
        lift = {1: 2.2, 2: 0.5, 3: 0.0}[actor.hair_style]
        line = np.interp(rest[:, 2], [-9, -5, -2, 1, 4, 8], [-6, -3, 5, 7.2, 8.6 + lift, 9.6 + lift])
        jitter = np.random.default_rng([actor.person.seed, 79]).normal(0, 0.15, len(rest))
        ears = (np.abs(rest[:, 0]) > 7.9) & (rest[:, 1] < 6.5)
        hair = np.where(ears, 0, _smooth((rest[:, 1] - line) / 0.9 + jitter)).astype(np.float32)
        hair[head.parts["mouth_socket"].start :] = 0
    return paint, hair
