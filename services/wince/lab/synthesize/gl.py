"""Drawing with moderngl on EGL: software (Mesa llvmpipe) is enough, neither GPU nor display is needed.

moderngl is imported when the first Renderer is made, so that everything else of the lab works without it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from wince.errors import DataError, ResourceError
from wince.lab.synthesize import props
from wince.lab.synthesize.head import Head
from wince.lab.synthesize.paint import BOTTOM, LEFT, PLAIN, RIGHT, TONES, TOP, paint_skin, paint_vertices, paint_wrinkles, texture_points
from wince.lab.synthesize.person import Actor, Moment, Person, track_at
from wince.lab.synthesize.scene import Array, Scene, Shown, TruthRow, model_matrix, projection_matrix, truth_row

VERTEX_SHADER = """#version 330
in vec3 position; in vec3 normal; in vec3 rest; in vec4 paint; in float hair;
uniform mat4 model; uniform mat4 projection;
out vec3 n; out vec3 p; out vec3 r; out vec4 c; out float h;
void main() { vec4 w = model * vec4(position, 1); p = w.xyz; n = mat3(model) * normal; r = rest; c = paint; h = hair;
  gl_Position = projection * w; }"""
FRAGMENT_SHADER = """#version 330
in vec3 n; in vec3 p; in vec3 r; in vec4 c; in float h;
uniform sampler2D skin; uniform sampler2D folds; uniform vec4 box; uniform vec4 fold; uniform vec3 hair_colour; uniform vec3 iris;
uniform vec3 light; uniform float ambient; uniform float strength; uniform float exposure; uniform float alpha;
out vec4 colour;
void main() {
  vec3 N = normalize(n), V = normalize(-p), L = normalize(light), a = c.rgb; float gloss = .05, sharp = 14.;
  if (dot(N, V) < 0.) N = -N;
  if (c.w < .5) {
    vec2 uv = vec2((r.x - box.x) / (box.y - box.x), (box.w - r.y) / (box.w - box.z));
    a = pow(texture(skin, uv).rgb, vec3(2.2)); a *= 1. - .62 * clamp(dot(texture(folds, uv), fold) * step(0., r.z), 0., 1.);
    float grain = fract(sin(dot(floor(r.xy * 14.), vec2(12.99, 78.23))) * 43758.5);
    a = mix(a, pow(hair_colour, vec3(2.2)) * (.7 + .6 * grain), h); gloss = mix(.06, .02, h);
  } else if (c.w < 1.5) {
    float angle = degrees(acos(clamp(normalize(c.rgb).z, -1., 1.))); gloss = .35; sharp = 70.;
    a = mix(vec3(.01), iris * iris * (.6 + .5 * smoothstep(10., 26., angle)), smoothstep(9., 11., angle));
    a = mix(a, vec3(.02), smoothstep(23., 26., angle)); a = mix(a, vec3(.72, .68, .65), smoothstep(26., 29., angle));
    a *= mix(1., .45, smoothstep(.05, .40, c.y));
  } else { gloss = alpha < 1. ? .5 : .04; sharp = alpha < 1. ? 40. : 14.; }
  vec3 wrap = c.w < .5 ? vec3(.35, .18, .12) : vec3(.15);
  vec3 diffuse = max((dot(N, L) + wrap) / (1. + wrap), 0.);
  float fill = max(dot(N, normalize(vec3(-L.x, .2, .4))), 0.) * .15;
  float shine = pow(max(dot(N, normalize(L + V)), 0.), sharp) * gloss;
  vec3 lit = (a * (ambient + diffuse * strength + fill) + shine) * exposure;
  colour = vec4(pow(clamp(lit, 0., 1.), vec3(1. / 2.2)), alpha); }"""
HAIR_LIFT = (0.0, 0.05, 0.25, 0.7)
"""cm by which hair stands off the skin, by style."""


@dataclass(frozen=True, slots=True)
class Style:
    """How faces look; the default is what clips and the first part of the training are drawn by."""

    shader: str = FRAGMENT_SHADER
    """Of the fragments, GLSL 3.30, with the uniforms of FRAGMENT_SHADER, all of them used."""
    skin: Callable[[Actor, Array], NDArray[np.uint8]] = paint_skin
    """As paint.paint_skin."""
    wrinkles: Callable[[Array], NDArray[np.uint8]] = paint_wrinkles
    """As paint.paint_wrinkles."""
    samples: int = 4
    """Per pixel, for smooth edges; 0: none, twice as fast."""


USUAL = Style()


class _Drawn(NamedTuple):
    """What the graphics library holds of one person."""

    moving: Any
    mesh: Any
    skin: Any
    gown: tuple[float, Any]
    occluder: list[tuple[float, Any]]
    lift: Array


def _context() -> Any:
    try:
        import moderngl
    except ImportError:
        raise DataError("drawing needs moderngl", field="moderngl", remedy="pip install moderngl") from None
    try:
        return moderngl.create_context(standalone=True, backend="egl")  # type: ignore[arg-type]  # its annotation is of **kwargs
    except Exception as error:  # moderngl and glcontext raise bare Exception
        remedy = "install EGL and a software driver (Debian: libegl1 libgl1-mesa-dri)"
        raise ResourceError("no OpenGL context through EGL", field="EGL", remedy=remedy) from error


class Renderer:
    """Draws persons in a scene; use as a context manager, one per thread. Same arguments and software: same pixels."""

    def __init__(
        self, people: Sequence[Person], head: Head, scene: Scene, actor: Callable[[Person, Head], Actor] = Actor, style: Style = USUAL
    ) -> None:
        self._scene, self._head, self._style = scene, head, style
        self._actors = [actor(person, head) for person in people]
        self._gl = gl = _context()
        self._program = gl.program(VERTEX_SHADER, style.shader)
        size = scene.size
        self._canvas = gl.framebuffer([gl.renderbuffer(size, 4, samples=style.samples)], gl.depth_renderbuffer(size, samples=style.samples))
        self._flat = gl.simple_framebuffer(size)
        self._backdrop = (props.backdrop(scene.background, size, scene.seed) / 255.0) ** 2.2
        self._projection = projection_matrix(size)
        self._set("projection", self._projection.T)
        self._set("box", [LEFT, RIGHT, BOTTOM, TOP])
        self.relight(scene)
        self._set("skin", 0, "i4")
        self._set("folds", 1, "i4")
        points = texture_points(head)
        self._folds = self._texture(style.wrinkles(points))
        self._drawn = [self._upload(actor, points) for actor in self._actors]
        self._pillow = [self._plain(props.pillow())] if scene.background == "bed" else []

    def __enter__(self) -> "Renderer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the graphics context and everything in it."""
        self._gl.release()

    def relight(self, scene: Scene) -> None:
        """From now on draw with that scene's light, exposure, blur and noise; size and background stay."""
        self._scene = scene
        self._set("light", scene.light.direction)
        self._set("ambient", scene.light.ambient)
        self._set("strength", scene.light.strength)

    def _set(self, name: str, value: Any, kind: str = "f4") -> None:
        self._program[name].write(np.asarray(value, kind).tobytes())

    def _texture(self, pixels: NDArray[np.uint8]) -> Any:
        texture = self._gl.texture(pixels.shape[1::-1], pixels.shape[2], np.ascontiguousarray(pixels).tobytes())
        texture.build_mipmaps()
        texture.filter = self._gl.LINEAR_MIPMAP_LINEAR, self._gl.LINEAR
        return texture

    def _plain(self, mesh: props.Mesh) -> tuple[float, Any]:
        n = len(mesh.position)
        tint = np.tile([*mesh.colour[:3], PLAIN], (n, 1))
        rows = np.hstack([mesh.position, mesh.normal, mesh.position, tint, np.zeros((n, 1))]).astype("f4")
        rows[:, 9:12] **= 2.2
        layout = [(self._gl.buffer(rows.tobytes()), "3f 3f 3f 4f 1f", "position", "normal", "rest", "paint", "hair")]
        return mesh.colour[3], self._gl.vertex_array(self._program, layout, self._gl.buffer(mesh.triangles.astype("i4").tobytes()))

    def _upload(self, actor: Actor, points: Array) -> _Drawn:
        paint, hair = paint_vertices(actor)
        paint[paint[:, 3] == PLAIN, :3] **= 2.2
        fixed = self._gl.buffer(np.hstack([self._head.neutral, paint, hair[:, None]]).astype("f4").tobytes())
        moving = self._gl.buffer(reserve=len(paint) * 24, dynamic=True)
        index = self._gl.buffer(self._head.triangles.tobytes())
        layout = [(moving, "3f 3f", "position", "normal"), (fixed, "3f 4f 1f", "rest", "paint", "hair")]
        return _Drawn(
            moving,
            self._gl.vertex_array(self._program, layout, index),
            self._texture(self._style.skin(actor, points)),
            self._plain(props.gown(actor)),
            [self._plain(part) for part in props.occluder(actor)],
            (hair * HAIR_LIFT[actor.hair_style])[:, None],
        )

    def _draw_plain(self, model: Array, parts: Sequence[tuple[float, Any]]) -> None:
        self._set("model", model.T)
        for alpha, mesh in parts:
            self._set("alpha", alpha)
            mesh.render()

    def _draw_actor(self, actor: Actor, drawn: _Drawn, moment: Moment, model: Array) -> Array:
        """Draw one person; returns the landmarks (68, 3) in cm of the camera."""
        weights = moment.weights
        vertices = actor.vertices(weights)
        normals = actor.head.normals(vertices)
        drawn.moving.write(np.hstack([vertices + normals * drawn.lift, normals]).astype("f4").tobytes())
        drawn.skin.use(0)
        self._folds.use(1)

        def unit(*names: str) -> float:
            return max(weights.get(k, 0.0) for k in names) / 5

        lines = np.array([unit("au4"), unit("au6", "au7"), unit("au9", "au10"), 0.8 * weights.get("browInnerUp", 0.0)])
        self._set("fold", np.clip(lines * (0.5 + 0.5 * actor.age) + 0.30 * actor.age**2, 0, 1))
        hair = np.array(TONES[actor.person.tone][2]) / 255
        self._set("hair_colour", hair * (1 - actor.grey) + 0.58 * actor.grey)
        self._set("iris", actor.iris)
        self._set("model", model.T)
        self._set("alpha", 1.0)
        drawn.mesh.render()
        self._draw_plain(model, [drawn.gown])
        points: Array = vertices[actor.head.landmarks] @ model[:3, :3].T + model[:3, 3]
        return points

    def frame(self, number: int, t: float) -> tuple[NDArray[np.uint8], list[TruthRow]]:
        """Draw the scene at t seconds: RGB (h, w, 3) and one row of truth per person, numbered `number`."""
        scene, gl = self._scene, self._gl
        exposure = track_at(scene.exposure, t)
        self._set("exposure", exposure)
        self._canvas.use()
        self._canvas.clear(0, 0, 0, 0)
        gl.enable(gl.DEPTH_TEST)
        behind = np.eye(4)
        behind[:3, 3] = 0, -2, -100
        self._draw_plain(behind, self._pillow)
        last, shown = [], []
        for actor, drawn in zip(self._actors, self._drawn, strict=True):
            moment, pose = actor.moment(t), actor.pose(t)
            model = model_matrix(pose)
            points = self._draw_actor(actor, drawn, moment, model)
            hidden = actor.occluded(t)
            if hidden:
                self._draw_plain(model, [part for part in drawn.occluder if part[0] == 1.0])
                last.append((model, [part for part in drawn.occluder if part[0] < 1.0]))
            shown.append(Shown(actor, moment, pose, points, hidden))
        gl.enable(gl.BLEND)
        gl.blend_func = gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE
        for model, parts in last:
            self._draw_plain(model, parts)
        gl.disable(gl.BLEND)
        image = self._develop(exposure, t)
        rows = [truth_row(number, t, k, each, image=image, projection=self._projection) for k, each in enumerate(shown)]
        return image, rows

    def _develop(self, exposure: float, t: float) -> NDArray[np.uint8]:
        """Drawn things over the backdrop, blurred, with the sensor's noise."""
        width, height = self._scene.size
        self._gl.copy_framebuffer(self._flat, self._canvas)
        pixels = np.frombuffer(self._flat.read(components=4), np.uint8).reshape(height, width, 4)[::-1] / 255.0
        cover = pixels[..., 3:]
        image = (self._backdrop * exposure).clip(0, 1) ** (1 / 2.2) * (1 - cover) + pixels[..., :3]
        image = image.clip(0, 1) * 255
        if self._scene.blur:
            soft = Image.fromarray(image.astype(np.uint8)).filter(ImageFilter.GaussianBlur(self._scene.blur))
            image = np.asarray(soft).astype(float)
        rng = np.random.default_rng([self._scene.seed, 82, round(t * 1000)])
        return np.clip(image + rng.normal(0, self._scene.noise, image.shape) + 0.5, 0, 255).astype(np.uint8)
