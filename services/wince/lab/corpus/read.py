"""All persons of a corpus as arrays, checked: nothing is trained or judged on a corpus that is not whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.errors import DataError
from wince.lab.arrays import read_arrays
from wince.lab.corpus.recipe import CALM, STILLS, UNITS, VERSION

Array = NDArray[Any]
FINITE = (*UNITS, "pspi", "gated", "yaw", "pitch", "roll", "blendshapes", "landmarks", "features")
SHAPES = {"features": (128, 8, 8), "landmarks": (478, 3), "blendshapes": (52,), "crop": (64, 64)}
NAMES = (*FINITE, "crop", "kind", "condition", "cover", "found", "seen", "presence", "pressed", "exposure", "side_light")


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """n = persons x STILLS rows, person by person, the calm stills of each first."""

    columns: dict[str, Array]
    """By name, each (n, ...); see draw.person_arrays."""
    person: Array
    """(n,) seed."""
    tone: Array
    """(n,) 1-6."""

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.person)

    @property
    def usable(self) -> Array:
        """(n,) a face was found and nothing but perhaps a tube lies over it: it may be trained and scored on."""
        return np.asarray(self["found"] & np.isin(self["cover"], ("none", "tube")))

    @property
    def calm(self) -> Array:
        """(n,) the stills that only give the calm face."""
        return np.asarray(self["kind"] == "calm")


def read_corpus(folder: Path, seeds: Iterable[int]) -> Corpus:
    """Raises DataError that names file and column where one is missing, of another version or shape, or holds what is not finite."""
    parts: list[dict[str, Array]] = [_person(folder / f"{seed}.npz", seed) for seed in seeds]
    if not parts:
        raise DataError("no persons are asked for", field=folder, remedy="name at least one seed")
    columns = {name: np.concatenate([part[name] for part in parts]) for name in NAMES}
    person = np.repeat([int(part["seed"]) for part in parts], STILLS)
    return Corpus(columns, person, np.repeat([int(part["tone"]) for part in parts], STILLS))


def drawn(folder: Path, seeds: Iterable[int]) -> list[int]:
    """Those of the seeds whose file is there."""
    return [seed for seed in seeds if (folder / f"{seed}.npz").is_file()]


def _person(file: Path, seed: int) -> dict[str, Array]:
    again = "delete it and draw it again (wince lab corpus)"
    if not file.is_file():
        raise DataError("is missing", field=file.name, remedy="draw the corpus (wince lab corpus)")
    arrays = read_arrays(file, "can't be read", field=file.name, remedy=again)
    if "version" not in arrays or int(arrays["version"]) != VERSION:
        raise DataError(f"isn't of the recipe's version {VERSION}", field=file.name, remedy=again)
    if missing := [name for name in (*NAMES, "tone", "seed") if name not in arrays]:
        raise DataError(f"lacks {', '.join(missing)}", field=file.name, remedy=again)
    for name in NAMES:
        if arrays[name].shape != (STILLS, *SHAPES.get(name, ())):
            raise DataError(f"{name} has shape {arrays[name].shape}", field=file.name, remedy=again)
    for name in FINITE:
        if not np.isfinite(arrays[name]).all():
            raise DataError(f"{name} holds a value that is not finite", field=file.name, remedy=again)
    if int(arrays["seed"]) != seed or (arrays["kind"][:CALM] != "calm").any():
        raise DataError("holds another person than its name says", field=file.name, remedy=again)
    return arrays
