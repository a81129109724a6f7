# ruff: noqa: RUF005  (arrays are added, not concatenated)
"""A test part that looks as no training face did: other heads' shape gains, another skin paint, other wrinkles, another shading.

    expressions, poses, lights, cameras, covers   the corpus' own recipe (plan.py), so that only the look differs from the fixed test
    persons     UNSEEN, seeds of their own; identities from the same space
    gains       each shape moves by exp(N(0, GAIN)) of what it moves in training, its sides by exp(N(0, SIDE)) more; lids still shut.
                The truth stays the weights, so a part of the error is nobody's fault: a unit that shows more reads higher
    paint       tone between two of the six and its hue shifted; brows as bands, freckles, moles, stubble, lipstick, eye shade, mottle
    wrinkles    other lines, wider, shallower
    shading     Lambert without the soft terminator, sky and floor instead of one ambient, a second lamp from behind, another gloss,
                a filmic curve instead of plain gamma

Written before it was measured, and never trained, stopped, tuned or calibrated on.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from wince.lab.synthesize.gl import Style
from wince.lab.synthesize.head import Head
from wince.lab.synthesize.paint import TEXTURE, TONES
from wince.lab.synthesize.person import Actor

UNSEEN = range(48000, 48030)
"""Persons (seeds), of no other part."""
GAIN, SIDE = 0.22, 0.10
"""Standard deviations of the logarithms."""
LEAST, MOST = 0.6, 1.6
"""Between these a gain is held."""
KEPT = ("eyeBlink_L", "eyeBlink_R")
"""Gain 1: their weight is fitted to shut each person's eyes, which the truth of AU43 says."""
_SIDES = ("_L", "_R")

SHADER = """#version 330
in vec3 n; in vec3 p; in vec3 r; in vec4 c; in float h;
uniform sampler2D skin; uniform sampler2D folds; uniform vec4 box; uniform vec4 fold; uniform vec3 hair_colour; uniform vec3 iris;
uniform vec3 light; uniform float ambient; uniform float strength; uniform float exposure; uniform float alpha;
out vec4 colour;
float ggx(vec3 N, vec3 L, vec3 V, float rough, float f0) {
  vec3 H = normalize(L + V); float a2 = rough * rough * rough * rough, nh = max(dot(N, H), 0.), nl = max(dot(N, L), 0.);
  float nv = max(dot(N, V), .05), d = nh * nh * (a2 - 1.) + 1., k = (rough + 1.) * (rough + 1.) / 8.;
  float g = nl / (nl * (1. - k) + k) * nv / (nv * (1. - k) + k);
  return a2 / (3.1416 * d * d) * g * (f0 + (1. - f0) * pow(1. - max(dot(H, V), 0.), 5.)) / (4. * nv);
}
void main() {
  vec3 N = normalize(n), V = normalize(-p), L = normalize(light), a = c.rgb; float rough = .42, f0 = .04;
  if (dot(N, V) < 0.) N = -N;
  if (c.w < .5) {
    vec2 uv = vec2((r.x - box.x) / (box.y - box.x), (box.w - r.y) / (box.w - box.z));
    a = pow(texture(skin, uv).rgb, vec3(2.2));
    vec3 crease = mix(vec3(1.), vec3(.52, .42, .40), clamp(dot(texture(folds, uv), fold) * step(0., r.z), 0., 1.)); a *= crease;
    float strand = fract(sin(dot(floor(r.xz * vec2(30., 6.)), vec2(39.35, 11.14))) * 24634.6);
    a = mix(a, pow(hair_colour * 1.25, vec3(2.2)) * (.5 + .9 * strand), h); rough = mix(.42, .65, h);
  } else if (c.w < 1.5) {
    float angle = degrees(acos(clamp(normalize(c.rgb).z, -1., 1.))); rough = .18;
    a = mix(vec3(.004), iris * .55, smoothstep(8., 10., angle));
    a = mix(a, vec3(.55, .52, .50), smoothstep(24., 30., angle)); a *= mix(1., .6, smoothstep(0., .5, c.y));
  } else { rough = alpha < 1. ? .25 : .6; }
  float sky = .5 + .5 * N.y, lambert = max(dot(N, L), 0.);
  vec3 back = normalize(vec3(-L.x, .4, -.35));
  vec3 ambience = mix(vec3(.75, .62, .55), vec3(.95, 1.05, 1.2), sky) * ambient * 1.15;
  vec3 lit = a * (ambience + lambert * strength * vec3(1.12, 1.05, .95) + max(dot(N, back), 0.) * .22);
  lit += ggx(N, L, V, rough, f0) * strength;
  vec3 x = max(lit * exposure * .9 - .004, 0.);
  colour = vec4(clamp((x * (6.2 * x + .5)) / (x * (6.2 * x + 1.7) + .06), 0., 1.), alpha); }"""


def gains(head: Head, seed: int) -> dict[str, float]:
    """By the name of each of the head's shapes, how much of it this person shows. Pure: same seed, same gains."""
    rng = np.random.default_rng([seed, 21])
    stems = sorted({name.removesuffix("_L").removesuffix("_R") for name in head.expression})
    common = dict(zip(stems, rng.normal(0, GAIN, len(stems)), strict=True))
    out = {}
    for name in sorted(head.expression):
        stem, side = name.removesuffix("_L").removesuffix("_R"), float(rng.normal(0, SIDE))
        uneven = side if name.endswith(_SIDES) else 0.0
        out[name] = 1.0 if name in KEPT else float(np.clip(np.exp(common[stem] + uneven), LEAST, MOST))
    return out


def moved(head: Head, seed: int) -> Head:
    """The head, its shapes by this person's gains."""
    mine = gains(head, seed)
    return replace(head, expression={name: np.float32(mine[name]) * offset for name, offset in head.expression.items()})


def _blurred(image: Image.Image, radius: float) -> NDArray[np.float32]:
    return np.asarray(np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32)[..., None] / 255, np.float32)


def _noise(rng: np.random.Generator, cells: int) -> NDArray[np.float32]:
    """(TEXTURE, TEXTURE, 1) in -1..1, as coarse as TEXTURE / cells."""
    grid = Image.fromarray(rng.integers(0, 255, (cells, cells)).astype(np.uint8))
    fine = np.asarray(grid.resize((TEXTURE, TEXTURE), Image.Resampling.BICUBIC), np.float32)[..., None]
    return np.asarray(fine / 127.5 - 1, np.float32)


def skin(actor: Actor, points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Albedo, sRGB (1024, 1024, 3); points (68, 2) in pixels of the texture."""
    rng = np.random.default_rng([actor.person.seed, 22])
    tone, other = actor.person.tone, int(np.clip(actor.person.tone + rng.choice([-1, 1]), 1, 6))
    mix, hue = rng.uniform(0, 0.5), rng.uniform((0.94, 0.92, 0.86), (1.06, 1.06, 1.08))
    base, lips, hair = (np.array(TONES[tone][k]) * (1 - mix) + np.array(TONES[other][k]) * mix for k in range(3))
    out: NDArray[np.float32] = np.broadcast_to(base * hue, (TEXTURE, TEXTURE, 3)).astype(np.float32)

    def lay(colour: NDArray[np.float64], opacity: float, blur: float, draw: Image.Image) -> None:
        nonlocal out
        mask = _blurred(draw, blur) * opacity
        out = (out * (1 - mask) + colour * mask).astype(np.float32)

    def sheet() -> tuple[Image.Image, ImageDraw.ImageDraw]:
        image = Image.new("L", (TEXTURE, TEXTURE), 0)
        return image, ImageDraw.Draw(image)

    def at(ids: range | tuple[int, ...]) -> list[tuple[float, float]]:
        return [(float(points[i][0]), float(points[i][1])) for i in ids]

    out *= 1 + 0.06 * _noise(rng, 9) * np.array([0.8, 1, 1]) + 0.05 * _noise(rng, 200)
    out *= 1 + rng.uniform(-0.08, 0.08) * np.linspace(-1, 1, TEXTURE, dtype=np.float32)[:, None, None]
    if rng.random() < 0.35:  # stubble or a beard
        image, draw = sheet()
        draw.polygon(at((3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 35, 33, 31)), fill=255)
        lay(hair, float(rng.uniform(0.15, 0.6)), 22, Image.fromarray((np.asarray(image) * rng.random((TEXTURE, TEXTURE))).astype(np.uint8)))
    image, draw = sheet()
    draw.polygon(at(range(48, 60)), fill=255)
    painted = np.array((150.0, 40.0, 55.0)) if rng.random() < 0.2 else lips * rng.uniform(0.85, 1.15)
    lay(painted, float(rng.uniform(0.5, 0.95)), 7, image)
    image, draw = sheet()
    thick = int(rng.integers(10, 26))
    for ids in (range(17, 22), range(22, 27)):
        draw.line([(x, y + thick * 0.4) for x, y in at(ids)], fill=255, width=thick, joint="curve")
    lay(hair * (1 - actor.grey) + 150 * actor.grey, float(rng.uniform(0.35, 0.95)), 4, image)
    for eye in (range(36, 42), range(42, 48)):
        image, draw = sheet()
        shade = 6 if rng.random() < 0.75 else 22  # lash line, or eye shade
        draw.line([*at(eye), at(eye)[0]], fill=255, width=shade, joint="curve")
        lay(base * rng.uniform(0.2, 0.5), float(rng.uniform(0.3, 0.8)), 3, image)
    image, draw = sheet()
    for _ in range(int(rng.integers(0, 250) if rng.random() < 0.4 else rng.integers(0, 6))):  # freckles, or a mole or two
        x, y, size = rng.uniform(280, 744), rng.uniform(250, 800), rng.uniform(1, 4.5)
        draw.ellipse([x - size, y - size, x + size, y + size], fill=int(rng.uniform(90, 230)))
    lay(base * 0.5, 0.8, 1, image)
    return np.clip(out, 0, 255).astype(np.uint8)


def wrinkles(points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Masks (1024, 1024, 4) as in paint.paint_wrinkles, by other lines: one furrow and its bulge, fans, one curve from nose to mouth."""
    brow, nose = points[[21, 22]].mean(0), points[27]

    def plane(lines: list[list[NDArray[np.float64]]], width: int) -> NDArray[np.uint8]:
        image = Image.new("L", (TEXTURE, TEXTURE), 0)
        for line in lines:
            ImageDraw.Draw(image).line([(float(q[0]), float(q[1])) for q in line], fill=255, width=width, joint="curve")
        return np.asarray(image.filter(ImageFilter.GaussianBlur(5)))

    furrows = [[brow + (-4, -40), brow + (2, 0), brow + (-2, 26)], [brow + (-26, 30), brow + (26, 30)]]
    eyes = [[corner + (side * 8, 4), corner + (side * 52, dy)] for corner, side in ((points[36], -1), (points[45], 1)) for dy in (-34, 34)]
    eyes += [[points[lid] + (-12, 30), points[lid] + (12, 32)] for lid in (40, 41, 46, 47)]
    folds = [[nose + (side * 30, -4), nose + (side * 10, 26)] for side in (-1, 1)]
    for wing, mouth, side in ((points[31], points[48], -1), (points[35], points[54], 1)):
        folds.append([wing + (side * 8, -34), wing + (side * 30, 0), mouth + (side * 44, 0), mouth + (side * 34, 30)])
    forehead = [[brow + (dx, -dy - abs(dx) / 10) for dx in range(-130, 131, 26)] for dy in (75, 135)]
    return np.dstack([plane(furrows, 9), plane(eyes, 7), plane(folds, 9), plane(forehead, 8)])


STYLE = Style(SHADER, skin, wrinkles)
"""What the renderer draws these persons by."""
