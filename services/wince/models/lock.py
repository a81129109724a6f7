"""The lock file of models: which wheel, which file in it, which bytes. Reading it does no network I/O.

`models.lock.toml` stands beside this module and is the only place that names a model's origin and hash.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from wince.errors import ModelFileError

LOCK_FILE = Path(__file__).with_name("models.lock.toml")
FACE_MODELS = ("blazeface_full_range", "blazeface_short_range", "face_landmarks", "face_blendshapes", "face_geometry")
"""What the default road (detect and the `activity` scorer) needs."""
MTCNN_MODELS = ("mtcnn_pnet", "mtcnn_rnet", "mtcnn_onet")
"""The second detector, for protocols with detect.detector = "mtcnn"."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel of a package registry, pinned by name, version and hash."""

    name: str
    version: str
    sha256: str
    """sha256 (hex) of the wheel file."""
    python: str = ""
    """Python version of the build, such as "3.11"; empty for a pure Python wheel."""
    abi: str = ""
    platform: str = ""
    """Platform tag of the build; empty for a pure Python wheel."""

    @property
    def requirement(self) -> str:
        """`name==version`, as a registry client takes it."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True)
class Model:
    """One model file."""

    name: str
    what: str
    """One line for people: what it does, from what to what."""
    wheel: Wheel
    path: str
    """File in the wheel, with forward slashes."""
    sha256: str
    """sha256 (hex) of the file (of the member, where there is one)."""
    bytes: int
    licence: str
    """SPDX identifier."""
    notice: str
    """Text that must go with the file."""
    member: str = ""
    """File inside `path`, where that is a zip (a MediaPipe .task); empty: `path` itself."""

    @property
    def filename(self) -> str:
        """Name in the cache; holds the start of the hash, so that versions lie side by side."""
        suffix = PurePosixPath(self.member or self.path).suffix
        return f"{self.name}-{self.sha256[:12]}{suffix}"


def _fail(where: str, what: str) -> ModelFileError:
    return ModelFileError(what, field=where, remedy="models.lock.toml is part of the installation: install wince again")


def _text(table: Mapping[str, Any], key: str, where: str, *, optional: bool = False) -> str:
    value = table.get(key, "" if optional else None)
    if not isinstance(value, str) or (not value and not optional):
        raise _fail(f"{where}.{key}", "must be a non-empty string")
    return value


def _hash(table: Mapping[str, Any], where: str) -> str:
    value = _text(table, "sha256", where)
    if not _SHA256.fullmatch(value):
        raise _fail(f"{where}.sha256", "must be 64 lower case hexadecimal digits")
    return value


def parse(text: str) -> dict[str, Model]:
    """Models by name, in the order of the file. Raises ModelFileError that names the field."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _fail("models.lock.toml", f"is not TOML: {error}") from error
    wheels = {}
    for key, table in tables.get("wheel", {}).items():
        where = f"wheel.{key}"
        tags = {tag: _text(table, tag, where, optional=True) for tag in ("python", "abi", "platform")}
        wheels[key] = Wheel(_text(table, "name", where), _text(table, "version", where), _hash(table, where), **tags)
    models = {}
    for name, table in tables.get("model", {}).items():
        where = f"model.{name}"
        wheel, notice = _text(table, "wheel", where), _text(table, "notice", where)
        if wheel not in wheels:
            raise _fail(f"{where}.wheel", f"names the unknown wheel {wheel!r}")
        if notice not in tables.get("notice", {}):
            raise _fail(f"{where}.notice", f"names the unknown notice {notice!r}")
        size = table.get("bytes")
        if not isinstance(size, int) or size <= 0:
            raise _fail(f"{where}.bytes", "must be a positive number of bytes")
        models[name] = Model(
            name=name, what=_text(table, "what", where), wheel=wheels[wheel], path=_text(table, "path", where),
            sha256=_hash(table, where), bytes=size, licence=_text(table, "licence", where),
            notice=tables["notice"][notice]["text"].strip(), member=_text(table, "member", where, optional=True),
        )  # fmt: skip
    return models


@cache
def load() -> Mapping[str, Model]:
    """The models that this version of Wince knows, by name."""
    return MappingProxyType(parse(LOCK_FILE.read_text(encoding="utf-8")))


def find(name: str) -> Model:
    """The model of that name. Raises ModelFileError where the lock does not know it."""
    models = load()
    if name not in models:
        raise ModelFileError("there is no such model", field=f"model={name}", remedy=f"known models: {', '.join(models)}")
    return models[name]


def model_set(names: Iterable[str]) -> str:
    """Id of a set of models: sha256 (hex) over the sorted sha256 (hex, one a line) of their files. Order does not matter."""
    return set_id(find(name).sha256 for name in set(names))


def set_id(hashes: Iterable[str]) -> str:
    """sha256 (hex) over sorted hex digests, one a line; for sets that hold files of a site besides the locked ones."""
    return hashlib.sha256("".join(f"{digest}\n" for digest in sorted(hashes)).encode()).hexdigest()
