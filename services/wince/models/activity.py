"""The default scorer's ensemble: small nets as ONNX on OpenVINO, and how what they say becomes a reading.

Members look at what the face models give anyway: `maps` at the face mesh's inner map, `points` at the mesh turned upright and the
blendshapes, `crop` at the small grey face itself. Each gives a short embedding, and for every output a mean and its own doubt; `fused`
takes the members' mean, each weighing as the card says, and adds their disagreement to the doubt. A second head of each member looks
at (embedding, embedding - the patient's calm embedding).

    score       the output `gated`: PSPI of a drawn face in pain, trained to 0 on smiles, laughter, speech, yawns, surprise, blinks,
                sleep and crying. It isn't the sum of the units: by their sum laughter can't be told from pain.
    smile       the mean of two opinions: the fitted one, sure on drawn faces only, and the mouthSmile channel of the blendshapes,
                which knows real laughter. A high smile beside a high score is a conflict, for grade to ask about.
    confidence  share of held-out drawn faces with as much doubt whose score lay within SECURE of the truth; on faces whose inner map
                is unlike the training faces' it falls with the square of the distance. It says nothing about patients.

Trained on drawn heads only (lab/activity; card: ensemble.json). All members answer or none.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.domain.estimate import UNITS, Reading
from wince.errors import ModelFileError
from wince.models.openvino_engine import compiled, read_model
from wince.models.openvino_quiet import ov

FOLDER = Path(__file__).with_name("activity_ensemble")
CARD = "ensemble.json"
VERSION = 2
"""Of inputs, outputs and embedding together; an ensemble of another is refused."""
OUTPUTS = (
    *("au4", "au6", "au7", "au9", "au10", "au43", "au12", "au25", "au26", "au27"),
    *("pspi", "gated", "smile", "rest"),
)
SCALES = np.array([5, 5, 5, 5, 5, 1, 5, 5, 5, 5, 16, 16, 1, 1], np.float32)
"""Largest value of each output; the nets work in shares of it. The smallest is 0."""
KINDS: dict[str, tuple[int, ...]] = {"maps": (128, 8, 8), "points": (469,), "crop": (1, 64, 64)}
"""Of members, and the shape of what each looks at, per face; see pipeline/estimate/activity_inputs.py."""
EMBEDDING = {"maps": 64, "points": 32, "crop": 48}
"""Length of a member's embedding."""
BESIDE = 3
"""Values behind the members' embeddings: how far the face is from the training faces (1: as far as the farthest hundredth of them),
the mouthSmile channel, and 1 for a face at rest, else 0."""
REST = {"au43": 0.35, "au12": 0.7, "au25": 0.6, "au26": 0.6}
"""A face with none of these units above that is at rest and, where its score is low too, may teach the calm face. Of held-out drawn
faces 94 % of the neutral ones, 16 % in speech, 6 % in pain (1.6 % from PSPI 3), no smile, yawn or sleep. (The trained output `rest`
is stricter on drawn faces and hardly ever rises on photographs, so it isn't asked.)"""
SECURE = 2.0
"""A score is right where it lies this close to the truth (0-16)."""
REMEDY = "it is part of the installation: install wince again, or train it again (make train-scorer)"
_UNIT_COLUMNS = [OUTPUTS.index(unit) for unit in UNITS]

Array = NDArray[np.float32]


class _Asked:
    """The members' joined net with memory of its own, into which faces are written: handing over arrays and taking new ones takes a
    quarter of the nets' time. One instance per thread."""

    def __init__(self, nets: Any, kinds: list[str]) -> None:
        self._request = nets.create_infer_request()
        self._given = {kind: np.zeros((1, *KINDS[kind]), np.float32) for kind in kinds}
        for number, kind in enumerate(kinds):
            self._request.set_input_tensor(number, ov.Tensor(self._given[kind], shared_memory=True))
        self._said: list[Array] = [tensor.data for tensor in self._request.output_tensors]

    def answers(self, x: dict[str, Array]) -> list[Array]:
        """(n, ...) per output, of x by kind, (n, *shape)."""
        faces = len(next(iter(x.values())))
        each = [np.empty((faces, *said.shape[1:]), np.float32) for said in self._said]
        for number in range(faces):
            for kind, given in self._given.items():
                given[0] = x[kind][number]
            self._request.infer(share_outputs=True)
            for out, said in zip(each, self._said, strict=True):
                out[number] = said[0]
        return each


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What the ensemble says of n faces, in the outputs' own units."""

    mean: Array
    """(n, outputs) held to the outputs' ranges."""
    spread: Array
    """(n, outputs) standard deviation: the members' own, and how far they disagree."""

    def column(self, output: str) -> Array:
        """(n,) mean of that output."""
        return np.asarray(self.mean[:, OUTPUTS.index(output)])


@dataclass(frozen=True, slots=True, eq=False)
class Familiar:
    """What the training faces' inner maps were like."""

    mean: Array
    """(128,) of each channel's mean over the map."""
    spread: Array
    """(128,) its standard deviation."""
    far: float
    """Distance that a hundredth of them exceeded."""

    def distance(self, maps: Array) -> Array:
        """(n,) of (n, 128, 8, 8); 1 at `far`."""
        z = (maps.mean(axis=(2, 3)) - self.mean) / self.spread
        return np.asarray(np.sqrt((z**2).mean(axis=1)) / self.far, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Confidence:
    """Held-out share of right scores against doubt."""

    spread: NDArray[np.float64]
    """(b,) rising, of the output `gated`, 0-16."""
    share: NDArray[np.float64]
    """(b,) 0-1, falling."""

    def of(self, spread: Array) -> NDArray[np.float64]:
        """(n,) 0-1; beyond the largest doubt of the held-out faces it falls with the square. 0 for what isn't finite."""
        beyond = np.minimum(1.0, self.spread[-1] / np.maximum(spread, 1e-9)) ** 2
        return np.asarray(np.nan_to_num(np.interp(spread, self.spread, self.share) * beyond))


class Ensemble:
    """All members of one folder, compiled. May be shared by threads: every call has its own requests."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Raises ModelFileError where a file is absent, changed, of another ensemble or of another version."""
        self.card, self.sha256 = _card(folder)
        self.members: dict[str, str] = dict(self.card["members"])
        """Kind by name, in the order of the embedding."""
        self.familiar = _familiar(self.card["familiar"])
        self.confidence = {name: _confidence(self.card["confidence"][name]) for name in ("free", "personal")}
        self._weights = _weights(self.card.get("weights"), list(self.members))
        self._nets = _joined([folder / f"{name}.onnx" for name in self.members])
        self._threads = threading.local()
        self._heads = {name: _compiled(folder / f"{name}_personal.onnx") for name in self.members}
        ends = np.cumsum([EMBEDDING[kind] for kind in self.members.values()])
        starts = [0, *(int(end) for end in ends[:-1])]
        self._parts = {name: slice(start, int(end)) for name, start, end in zip(self.members, starts, ends, strict=True)}
        self.width = int(ends[-1]) + BESIDE
        """k of the embedding."""

    def free(self, x: dict[str, Array], mouth_smile: Array) -> tuple[Opinion, Array]:
        """Opinion without the calm face, and embeddings (n, k). x by kind, (n, *shape); mouth_smile (n,) 0-1."""
        embeddings, means, doubts = self.answers(x)
        opinion = fused(means, [np.exp(doubt) for doubt in doubts], self._weights)
        beside = np.stack([self.familiar.distance(x["maps"]), mouth_smile, _resting(opinion)], axis=1)
        return opinion, np.concatenate([*embeddings, beside], axis=1).astype(np.float32)

    def answers(self, x: dict[str, Array]) -> tuple[list[Array], list[Array], list[Array]]:
        """Embeddings, means and doubts, member by member, (n, ...) each; x as for `free`. A row at a time: a fixed shape takes two thirds
        of the time."""
        if not hasattr(self._threads, "asked"):
            self._threads.asked = _Asked(self._nets, list(self.members.values()))
        each = self._threads.asked.answers(x)
        return each[0::3], each[1::3], each[2::3]

    def personal(self, embeddings: Array, calm: Array) -> Opinion:
        """Opinion against the calm face; both (n, k). Raises ModelFileError where they are another ensemble's (a native crash else)."""
        if not embeddings.shape[1] == calm.shape[1] == self.width:
            widths = f"{embeddings.shape[1]} and {calm.shape[1]}"
            raise ModelFileError(f"embeddings of another ensemble ({widths}, not {self.width} long)", field=CARD, remedy=REMEDY)
        answers = [_run(self._heads[name], [embeddings[:, part], calm[:, part]]) for name, part in self._parts.items()]
        return fused([mean for mean, _ in answers], [np.exp(doubt) for _, doubt in answers], self._weights)

    def readings(self, opinion: Opinion, embeddings: Array, *, personal: bool) -> list[Reading]:
        """One Reading per face; what isn't finite gets confidence 0 and a NaN score."""
        sure = self.confidence["personal" if personal else "free"].of(opinion.spread[:, OUTPUTS.index("gated")])
        sure = sure * np.minimum(1.0, 1 / np.maximum(embeddings[:, -3], 1e-9)) ** 2
        smile = (opinion.column("smile") + np.clip(embeddings[:, -2], 0, 1)) / 2
        units = opinion.mean[:, _UNIT_COLUMNS].astype(np.float32)
        units[:, [unit not in self.card["measured"] for unit in UNITS]] = np.nan
        rows = zip(opinion.column("gated"), sure, units, smile, strict=True)
        return [Reading(float(score), float(near), row, float(laugh)) for score, near, row, laugh in rows]


def at_rest(embeddings: Array) -> NDArray[np.bool_]:
    """(n,) of (n, k): faces that show no expression and may teach a patient's calm face."""
    return np.asarray(embeddings[:, -1] >= 0.5)


def _resting(opinion: Opinion) -> Array:
    """(n,) 1 or 0; see REST."""
    return np.asarray(np.all([opinion.column(unit) <= most for unit, most in REST.items()], axis=0), np.float32)


def fused(means: list[Array], variances: list[Array], weights: Array | None = None) -> Opinion:
    """Mean of the members; spread from their own variances and their disagreement. In shares, gives units.

    weights: (members, outputs), of each output's members; their sum need not be 1. None: all alike.
    """
    stack = np.stack(means)
    share = np.ones((len(stack), stack.shape[2]), np.float32) if weights is None else weights
    share = (share / share.sum(axis=0))[:, None]
    middle = (share * stack).sum(axis=0)
    mean = np.clip(middle, 0, 1)
    spread = np.sqrt((share * (np.stack(variances) + (stack - middle) ** 2)).sum(axis=0))
    return Opinion((mean * SCALES).astype(np.float32), (spread * SCALES).astype(np.float32))


@cache
def load() -> Ensemble:
    """The ensemble that Wince was installed with, read once per process. Raises ModelFileError as Ensemble does."""
    return Ensemble()


def sha256(folder: Path = FOLDER) -> str:
    """`Ensemble.sha256` without compiling a net: of the card (hex), checked against the files. Raises ModelFileError as Ensemble does."""
    return _card(folder)[1]


def _run(compiled: Any, given: list[Array]) -> list[Array]:
    request = compiled.create_infer_request()
    request.infer([np.ascontiguousarray(one, np.float32) for one in given])
    return [np.array(request.get_output_tensor(i).data, np.float32) for i in range(len(compiled.outputs))]


def _joined(files: list[Path]) -> Any:
    """The members as one net of one row, each with its three outputs: asked one by one they take half as long again."""
    with _readable(files[0]):
        return compiled(files, lambda: _side_by_side(files), [file.name for file in files], code=Path(__file__))


def _side_by_side(files: list[Path]) -> ov.Model:
    inputs, results = [], []
    for file in files:
        with _readable(file):
            model = read_model(file)
            model.reshape([1, *(side.get_length() for side in list(model.input(0).partial_shape)[1:])])
            if len(model.outputs) != 3:
                raise ModelFileError("has not a member's three outputs", field=file.name, remedy=REMEDY)
            for number, end in enumerate((*model.inputs, *model.outputs)):
                end.get_tensor().set_names({f"{file.stem}.{number}"})
            inputs += model.get_parameters()
            results += model.get_results()
    return ov.Model(results, inputs, "ensemble")


def _compiled(file: Path) -> Any:
    with _readable(file):
        return compiled([file], lambda: read_model(file), code=Path(__file__))


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise ModelFileError("can't be used by this version of OpenVINO", field=file.name, remedy=REMEDY) from error


def _confidence(table: dict[str, list[float]]) -> Confidence:
    spread, share = np.array(table["spread"], np.float64), np.array(table["share"], np.float64)
    if spread.shape != share.shape or not (np.isfinite(spread).all() and np.isfinite(share).all() and (np.diff(spread) > 0).all()):
        raise ModelFileError("holds no usable table of confidence", field=CARD, remedy=REMEDY)
    return Confidence(spread, share)


def _weights(table: dict[str, list[float]] | None, members: list[str]) -> Array | None:
    """(members, outputs); None where the card has none."""
    if table is None:
        return None
    rows = [np.array(table.get(name, []), np.float32) for name in members]
    if any(row.shape != (len(OUTPUTS),) or not (np.isfinite(row).all() and (row > 0).all()) for row in rows):
        raise ModelFileError("holds no usable table of the members' weights", field=CARD, remedy=REMEDY)
    return np.stack(rows)


def _familiar(table: dict[str, Any]) -> Familiar:
    mean, spread, far = np.array(table["mean"], np.float32), np.array(table["spread"], np.float32), float(table["far"])
    if mean.shape != KINDS["maps"][:1] or spread.shape != mean.shape or not (np.isfinite(mean).all() and (spread > 0).all() and far > 0):
        raise ModelFileError("holds no usable table of what is familiar", field=CARD, remedy=REMEDY)
    return Familiar(mean, spread, far)


def _card(folder: Path) -> tuple[dict[str, Any], str]:
    """The card, checked against the files beside it, and its own sha256 (which stands for theirs)."""
    try:
        data = (folder / CARD).read_bytes()
        card: dict[str, Any] = json.loads(data)
        version, outputs = card["version"], card["outputs"]
        if version != VERSION or outputs != list(OUTPUTS):
            raise ModelFileError(f"is of version {version}, needed is {VERSION}", field=CARD, remedy=REMEDY)
        members, files = card["members"], card["files"]
        known = set(members.values()) <= set(KINDS) and set(card["measured"]) <= set(UNITS)
        tables = {"free", "personal"} <= set(card["confidence"]) and {"mean", "spread", "far"} <= set(card["familiar"])
        if not (members and known and tables):
            raise ValueError("members")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"can't be read as an ensemble's card ({type(error).__name__})", field=CARD, remedy=REMEDY) from error
    for name in (f"{member}{end}.onnx" for member in members for end in ("", "_personal")):
        file = folder / name
        if name not in files or not file.is_file():
            raise ModelFileError("is missing", field=name, remedy=REMEDY)
        if hashlib.sha256(file.read_bytes()).hexdigest() != files[name]["sha256"]:
            raise ModelFileError("isn't the file that the card names: changed, or of another ensemble", field=name, remedy=REMEDY)
    return card, hashlib.sha256(data).hexdigest()
