"""Shading of the varied looks: one fragment shader whose constants are drawn anew for each person.

The terminator's softness and tint, gloss and its edge, sky and floor from any side, a second lamp of any colour and side, creases that
darken or that are bumps, four curves from light to grey levels. Nothing of it stands in gl.py (the usual look) or unseen.py.
"""

from __future__ import annotations

import numpy as np

Rng = np.random.Generator
Colour = tuple[float, float, float]

CURVES = (
    "pow(clamp(x, 0., 1.), vec3(1. / GAMMA))",
    "pow(clamp(x * (1. + x / (WHITE * WHITE)) / (1. + x) * 1.35, 0., 1.), vec3(1. / GAMMA))",
    "pow(clamp(x * (2.51 * x + .03) / (x * (2.43 * x + .59) + .14), 0., 1.), vec3(1. / GAMMA))",
    "pow(1. - exp(-x * WHITE), vec3(1. / GAMMA))",
)
"""Light to grey levels: plain, Reinhard's, ACES as fitted by Narkowicz, film that saturates."""

BODY = """
in vec3 n; in vec3 p; in vec3 r; in vec4 c; in float h;
uniform sampler2D skin; uniform sampler2D folds; uniform vec4 box; uniform vec4 fold; uniform vec3 hair_colour; uniform vec3 iris;
uniform vec3 light; uniform float ambient; uniform float strength; uniform float exposure; uniform float alpha;
out vec4 colour;
void main() {
  vec3 N = normalize(n), V = normalize(-p), L = normalize(light), a = c.rgb; float gloss = GLOSS, sharp = SHARP;
  if (dot(N, V) < 0.) N = -N;
  vec2 uv = vec2((r.x - box.x) / (box.y - box.x), (box.w - r.y) / (box.w - box.z));
  float crease = clamp(dot(texture(folds, uv), fold) * smoothstep(0., 2., r.z), 0., 1.2);
  vec3 across = dFdx(p), along = dFdy(p); float dx = dFdx(crease), dy = dFdy(crease);
  if (c.w < .5) {
    vec3 one = cross(along, N), two = cross(N, across); float area = dot(across, one);
    vec3 slope = sign(area) * (dx * one + dy * two);
    N = normalize(max(abs(area), 1e-7) * N + BUMP * slope);
    a = pow(texture(skin, uv).rgb, vec3(2.2)); a *= mix(vec3(1.), CREASE, min(crease, 1.));
    float strand = fract(sin(dot(floor(r.xy * STRAND), vec2(71.17, 43.31))) * 15731.7);
    a = mix(a, pow(hair_colour * HAIR, vec3(2.2)) * (.6 + .8 * strand), h); gloss *= 1. - .7 * h;
  } else if (c.w < 1.5) {
    float angle = degrees(acos(clamp(normalize(c.rgb).z, -1., 1.))); gloss = EYE; sharp = 90.;
    a = mix(vec3(.008), iris * IRIS, smoothstep(PUPIL - 1., PUPIL + 1., angle));
    a = mix(a, SCLERA, smoothstep(24., 28., angle)); a *= mix(1., LID, smoothstep(.0, .45, c.y));
  } else { gloss = alpha < 1. ? .45 : .05; sharp = alpha < 1. ? 35. : 12.; }
  vec3 soft = c.w < .5 ? WRAP : vec3(.12);
  vec3 key = pow(clamp((dot(N, L) + soft) / (1. + soft), 0., 1.), vec3(POWER)) * strength * KEY;
  vec3 room = mix(FLOOR, SKY, .5 + .5 * dot(N, UP)) * ambient;
  vec3 second = clamp((dot(N, LAMP) + .15) / 1.15, 0., 1.) * TINT;
  float edge = pow(1. - max(dot(N, V), 0.), 4.);
  float shine = pow(max(dot(N, normalize(L + V)), 0.), sharp) * (gloss + EDGE * edge) * strength;
  shine += pow(max(dot(N, normalize(LAMP + V)), 0.), sharp) * gloss * TINT.g;
  vec3 x = max((a * (room + key + second) + shine + a * EDGE * edge * .5) * exposure * GAIN, 0.);
  colour = vec4(CURVE, alpha); }"""


def _tinted(rng: Rng, spread: float) -> Colour:
    """A colour of mean 1."""
    value = 1 + rng.uniform(-spread, spread, 3)
    r, g, b = value / value.mean()
    return float(r), float(g), float(b)


def _times(colour: Colour, factor: float) -> Colour:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def _direction(x: float, y: float, z: float) -> Colour:
    value = np.array((x, y, z)) / max(float(np.linalg.norm((x, y, z))), 1e-6)
    return float(value[0]), float(value[1]), float(value[2])


def shader(rng: Rng) -> str:
    """A fragment shader with the uniforms of gl.FRAGMENT_SHADER. Pure: same state of the generator, same text."""
    u = rng.uniform
    soft, red = u(0.03, 0.55), u(0.0, 0.3)
    curve = int(rng.integers(len(CURVES)))
    contrast = u(0.0, 0.45)
    """Between sky and floor."""
    lamp = u(0.05, 0.55) if rng.random() < 0.6 else 0.0
    side = u(-1, 1)
    values: dict[str, float | Colour] = {
        "WRAP": (soft + red, soft, max(0.02, soft - 0.5 * red)),
        "POWER": u(0.8, 1.5),
        "KEY": _tinted(rng, 0.12),
        "SKY": _times(_tinted(rng, 0.18), 1 + contrast),
        "FLOOR": _times(_tinted(rng, 0.18), 1 - contrast),
        "UP": _direction(u(-0.6, 0.6), 1.0, u(-0.3, 0.6)),
        "LAMP": _direction(side, u(-0.6, 0.9), u(-0.7, 0.9)),
        "TINT": _times(_tinted(rng, 0.3), lamp),
        "GLOSS": u(0.0, 0.05) if rng.random() < 0.5 else u(0.05, 0.28),
        "SHARP": float(np.exp(u(np.log(5), np.log(45)))),
        "EDGE": u(0.0, 0.25),
        "BUMP": u(0.0, 0.22),
        "CREASE": _times((1.0, u(0.75, 1.0), u(0.7, 1.0)), u(0.25, 1.0)),
        "STRAND": u(6, 30),
        "HAIR": u(0.6, 1.7),
        "EYE": u(0.05, 0.5),
        "IRIS": u(0.35, 1.1),
        "PUPIL": u(7, 14),
        "SCLERA": (u(0.5, 0.8), u(0.46, 0.72), u(0.42, 0.7)),
        "LID": u(0.3, 1.0),
        "GAMMA": u(1.9, 2.6),
        "WHITE": u(1.5, 3.0),
        "GAIN": u(0.75, 1.2) * (0.8 if curve == 2 else 1.0) * (0.6 if curve == 3 else 1.0),
    }
    lines = []
    for name, value in values.items():
        if isinstance(value, tuple):
            lines.append(f"const vec3 {name} = vec3({value[0]:.5f}, {value[1]:.5f}, {value[2]:.5f});")
        else:
            lines.append(f"const float {name} = {value:.5f};")
    return "\n".join(["#version 330", *lines]) + BODY.replace("CURVE", CURVES[curve])
