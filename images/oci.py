"""Packs folders as layers, and layers as images of the Open Container Initiative (image-spec 1.1): equal files give equal digests.

A layer is a gzipped tar, sorted by name, with owners and modes as they lie and one time for everything. An image layout is a folder:
`oci-layout`, `index.json`, and `blobs/sha256/` by digest. skopeo, podman and docker's containerd read it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import stat
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_REF = "org.opencontainers.image.ref.name"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Layer:
    """A packed layer."""

    name: str
    digest: str
    """sha256:... of the gzipped tar."""
    diff_id: str
    """sha256:... of the tar itself."""
    size: int
    """Bytes, packed."""
    unpacked: int
    """Bytes of its files."""


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is, beside its files."""

    ref: str
    """Such as wince-care:0.1.0."""
    layers: Sequence[Layer]
    config: Mapping[str, Any]
    """User, Env, Entrypoint and so on, by the names of the image-spec."""
    architecture: str
    created_s: int


class _Hashed:
    """A stream that is written through, and hashed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.hash = stream, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        return self._stream.write(data)


def pack(name: str, tree: Path, file: Path, time_s: int) -> Layer:
    """A folder's content as a layer in `file`; every time in it is `time_s`. Raises ValueError for what no layer of ours holds: a device
    (which is how an overlay says that a file was deleted), a socket."""
    unpacked = 0
    with file.open("wb") as raw:
        packed = _Hashed(raw)
        # No name and no time in gzip's header.
        with gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=6, mtime=0) as zipped:  # type: ignore[call-overload]
            plain = _Hashed(zipped)
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
                known: dict[int, str] = {}
                for path in _sorted(tree):
                    unpacked += _add(archive, tree, path, time_s, known)
    return Layer(name, f"sha256:{packed.hash.hexdigest()}", f"sha256:{plain.hash.hexdigest()}", file.stat().st_size, unpacked)


def _sorted(tree: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(tree), key=lambda one: one.name):
        yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _sorted(Path(entry.path))


def _add(archive: tarfile.TarFile, tree: Path, path: Path, time_s: int, known: dict[int, str]) -> int:
    status = path.lstat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode)):
        raise ValueError(f"{path}: neither file, folder nor link")
    entry = tarfile.TarInfo(str(path.relative_to(tree)))
    entry.mode, entry.uid, entry.gid, entry.mtime = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, time_s
    if stat.S_ISDIR(status.st_mode):
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
        return 0
    if stat.S_ISLNK(status.st_mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(path)
        archive.addfile(entry)
        return 0
    if status.st_nlink > 1 and status.st_ino in known:
        entry.type, entry.linkname = tarfile.LNKTYPE, known[status.st_ino]
        archive.addfile(entry)
        return 0
    known[status.st_ino] = entry.name
    entry.size = status.st_size
    with path.open("rb") as stream:
        archive.addfile(entry, stream)
    return status.st_size


def write(layout: Path, images: Sequence[Image], blobs: Mapping[str, Path]) -> dict[str, str]:
    """An image layout with these images; each manifest's digest by ref. `blobs`: where a layer's file lies, by its digest (it is linked,
    else copied)."""
    folder = layout / "blobs" / "sha256"
    folder.mkdir(parents=True, exist_ok=True)
    index = []
    for image in images:
        config = _blob(folder, _config(image), _CONFIG)
        for layer in image.layers:
            _link(blobs[layer.digest], folder / layer.digest.partition(":")[2])
        layers = [{"mediaType": _LAYER, "digest": one.digest, "size": one.size} for one in image.layers]
        labels = image.config.get("Labels", {})
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": layers, "annotations": dict(labels)}
        named = _blob(folder, manifest, _MANIFEST)
        index.append({**named, "platform": {"architecture": image.architecture, "os": "linux"}, "annotations": {_REF: image.ref}})
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    said = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": index}
    (layout / "index.json").write_bytes(_json(said))
    return {one["annotations"][_REF]: one["digest"] for one in index}


def archive(layout: Path, image: Image, file: Path) -> None:
    """One image of a layout as a tar (`oci-archive:` of skopeo), the same bytes each time."""
    blobs = layout / "blobs" / "sha256"
    index = json.loads((layout / "index.json").read_bytes())
    index["manifests"] = [one for one in index["manifests"] if one["annotations"][_REF] == image.ref]
    manifest = index["manifests"][0]["digest"]
    config = json.loads((blobs / manifest.partition(":")[2]).read_bytes())["config"]["digest"]
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as made:
        for name, content in (("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", _json(index))):
            _content(made, name, content)
        for digest in sorted({manifest, config, *(layer.digest for layer in image.layers)}):
            short = digest.partition(":")[2]
            entry = tarfile.TarInfo(f"blobs/sha256/{short}")
            entry.size, entry.mode = (blobs / short).stat().st_size, 0o644
            with (blobs / short).open("rb") as stream:
                made.addfile(entry, stream)


def layer_of(said: Mapping[str, Any]) -> Layer:
    """The inverse of `dataclasses.asdict`."""
    return Layer(**said)


def described(layer: Layer) -> dict[str, Any]:
    """For a file beside it."""
    return asdict(layer)


def _config(image: Image) -> dict[str, Any]:
    created = datetime.fromtimestamp(image.created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "created": created,
        "architecture": image.architecture,
        "os": "linux",
        "config": dict(image.config),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in image.layers]},
        "history": [{"created": created, "created_by": f"images/contents.toml: {layer.name}"} for layer in image.layers],
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _blob(folder: Path, value: Any, kind: str) -> dict[str, Any]:
    content = _json(value)
    digest = hashlib.sha256(content).hexdigest()
    (folder / digest).write_bytes(content)
    return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}


def _link(source: Path, place: Path) -> None:
    if place.exists():
        return
    try:
        place.hardlink_to(source)
    except OSError:  # another file system
        place.write_bytes(source.read_bytes())


def _content(made: tarfile.TarFile, name: str, content: bytes) -> None:
    import io

    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    made.addfile(entry, io.BytesIO(content))
