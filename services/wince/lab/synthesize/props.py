"""Things round the face: gown, pillow, oxygen mask, tube, and the room behind."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from wince.errors import DataError
from wince.lab.synthesize.person import Actor

Array = NDArray[Any]
Colour = tuple[float, float, float, float]
BACKGROUNDS = ("plain", "gradient", "ward", "bed")
"""A wall; a wall that darkens downwards; with blurred furniture; the same with a pillow behind the head."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A thing of one colour."""

    position: Array
    """(v, 3) cm."""
    normal: Array
    """(v, 3) unit."""
    colour: Colour
    """sRGB 0-1 and alpha; alpha < 1 is drawn last."""
    triangles: Array
    """(t, 3)."""


def _grid(rows: int, columns: int) -> Array:
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    a, b = i * columns + j, i * columns + (j + 1) % columns
    return np.concatenate([np.stack([a, b, a + columns], -1).reshape(-1, 3), np.stack([b, b + columns, a + columns], -1).reshape(-1, 3)])


def sweep(path: Array, half_width: float, half_height: float, colour: Colour, sides: int = 12) -> Mesh:
    """A tube (or ribbon) along a path (n, 3) of points."""
    path = np.asarray(path, np.float32)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, np.array([0, 0, 1.0])) + 1e-6
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    third = np.cross(across, along)
    turn = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    wide, high = np.cos(turn)[None, :, None] * across[:, None], np.sin(turn)[None, :, None] * third[:, None]
    position = (path[:, None] + wide * half_width + high * half_height).reshape(-1, 3)
    normal = wide / half_width + high / half_height
    normal = (normal / np.linalg.norm(normal, axis=2, keepdims=True)).reshape(-1, 3)
    return Mesh(position, normal, colour, _grid(len(path), sides))


def ellipsoid(
    centre: tuple[float, float, float], radii: tuple[float, float, float], colour: Colour, rows: int = 40, columns: int = 64
) -> Mesh:
    """An ellipsoid round `centre` (cm)."""
    up, turn = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, columns, endpoint=False), indexing="ij")
    unit = np.stack([np.sin(up) * np.cos(turn), np.cos(up), np.sin(up) * np.sin(turn)], -1).reshape(-1, 3)
    normal = unit / np.array(radii)
    return Mesh(unit * radii + centre, normal / np.linalg.norm(normal, axis=1, keepdims=True), colour, _grid(rows, columns))


def gown(actor: Actor) -> Mesh:
    """Shoulders in a hospital gown, its colour drawn from the seed."""
    tint = np.random.default_rng([actor.person.seed, 81]).choice([(0.55, 0.68, 0.75), (0.62, 0.72, 0.62), (0.72, 0.72, 0.78)])
    return ellipsoid((0, -31, -2), (22, 20, 16), (float(tint[0]), float(tint[1]), float(tint[2]), 1.0))


def pillow() -> Mesh:
    """A pillow behind the head."""
    return ellipsoid((0, 1, -18), (34, 19, 8), (0.80, 0.81, 0.80, 1.0))


def occluder(actor: Actor) -> list[Mesh]:
    """The person's mask or tube, fitted to the neutral face; empty where there is none."""
    if actor.person.occluder is None:
        return []
    return _tube(actor) if actor.person.occluder.kind == "tube" else _mask(actor)


def _on_face(actor: Actor, x: float, y: float, gap: float) -> Array:
    skin = actor.base[: actor.head.parts["mouth_socket"].start]
    front = skin[skin[:, 2] > 0]
    near = np.argsort((front[:, 0] - x) ** 2 + (front[:, 1] - y) ** 2)[:8]
    return np.array([x, y, front[near, 2].max() + gap])


def _tube(actor: Actor) -> list[Mesh]:
    mark = actor.base[actor.head.landmarks]
    mouth = 0.5 * (mark[62] + mark[66]) + 0.35 * (mark[54] - mark[62])
    steps = ((-0.2, 0, -2), (0, 0, 1), (0.4, -0.3, 2.6), (1.8, -1.6, 4.2), (5, -6, 5), (9, -14, 4), (12, -24, 2))
    corners = np.array([mouth + o for o in steps])
    lip = 0.5 * (mark[33] + mark[51])
    tape = np.array([_on_face(actor, float(x), float(lip[1] - 0.03 * x * x), 0.10) for x in np.linspace(-3.8, 3.8, 25)])
    fine = np.linspace(0, len(corners) - 1, 40)
    path = np.stack([np.interp(fine, range(len(corners)), corners[:, k]) for k in range(3)], 1)
    return [sweep(path, 0.55, 0.55, (0.72, 0.82, 0.86, 1.0)), sweep(tape, 0.50, 0.06, (0.90, 0.87, 0.80, 1.0))]


def _mask(actor: Actor) -> list[Mesh]:
    mark = actor.base[actor.head.landmarks]
    middle, half = 0.5 * (mark[28] + mark[8]), np.array([3.5, 0.5 * (mark[28][1] - mark[8][1])])
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    rim = np.array(
        [_on_face(actor, half[0] * np.cos(a) * (1 - 0.25 * max(0, np.sin(a))), middle[1] + half[1] * np.sin(a), 0.15) for a in turn]
    )
    apex = np.array([0, middle[1] - 0.4, mark[30][2] + 2.0])
    dome = np.concatenate([apex + (rim - apex) * [[r, r, 1 - math.sqrt(1 - r * r)]] for r in np.linspace(0.02, 1, 14)])
    triangles = _grid(14, 48)
    face = np.cross(dome[triangles[:, 1]] - dome[triangles[:, 0]], dome[triangles[:, 2]] - dome[triangles[:, 0]])
    normal = np.stack([np.bincount(triangles.ravel(order="F"), np.tile(face[:, k], 3), len(dome)) for k in range(3)], 1)
    normal = normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9)
    normal = normal * np.sign(normal[:, 2:3].mean())
    offsets = ((0, -1.2, -0.8), (0, -2.2, 0.4), (0, -4, 1), (0.5, -8, 0.5), (1.5, -14, -2), (3, -22, -4))
    hose = np.array([apex + o for o in offsets])
    parts = [sweep(np.concatenate([rim, rim[:1]]), 0.32, 0.32, (0.62, 0.80, 0.74, 1.0)), sweep(hose, 0.8, 0.8, (0.70, 0.84, 0.80, 1.0))]
    for side in (-1, 1):
        xs = np.linspace(half[0] * 0.97, 7.3, 14) * side
        strap = np.array([_on_face(actor, x, middle[1] + 0.5 + 0.75 * (abs(x) - half[0]), 0.06) for x in xs])
        parts.append(sweep(strap, 0.28, 0.07, (0.85, 0.87, 0.88, 1.0)))
    return [*parts, Mesh(dome, normal, (0.72, 0.92, 0.84, 0.42), triangles)]


def backdrop(kind: str, size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """The room as RGB (h, w, 3); `size` is (width, height). Raises DataError for an unknown kind."""
    if kind not in BACKGROUNDS:
        raise DataError(f"unknown background {kind!r}", field="background", remedy=", ".join(BACKGROUNDS))
    width, height = size
    rng = np.random.default_rng([seed, 80])
    base = rng.uniform(110, 165) + rng.uniform(-14, 14, 3)
    out = np.broadcast_to(base, (height, width, 3)).copy()
    if kind != "plain":
        out *= np.linspace(1.15, 0.8, height)[:, None, None]
    image = Image.fromarray(np.clip(out, 0, 255).astype(np.uint8))
    if kind in ("ward", "bed"):
        draw = ImageDraw.Draw(image)
        for _ in range(9):
            x, y = rng.uniform(-0.1, 1) * width, rng.uniform(-0.1, 0.8) * height
            tone = np.clip(base * rng.uniform(0.45, 1.45) + rng.uniform(-18, 18, 3), 0, 255)
            right, bottom = x + rng.uniform(0.05, 0.35) * width, y + rng.uniform(0.1, 0.5) * height
            draw.rectangle([x, y, right, bottom], fill=(int(tone[0]), int(tone[1]), int(tone[2])))
        image = image.filter(ImageFilter.GaussianBlur(width / 60))
    return np.asarray(image)
