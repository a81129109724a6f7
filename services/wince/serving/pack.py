"""Packs a model set for TorchServe: one archive with the members, the handler and the very code that it runs, and its manifest.

The archive is a zip, stored, without dates: the same members and code give the same bytes. TorchServe puts the unpacked folder first
on the worker's path, so the code in the archive runs, whatever is installed beside it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from wince.domain.clip import Clip
from wince.errors import ConfigError, ModelFileError, ResourceError
from wince.models.ensemble import Ensemble
from wince.serving.handler import DESCRIPTION
from wince.serving.manifest import NAME, VERSION, Manifest, golden_clips, golden_crops

PACKAGE = Path(__file__).parent.parent
CODE = (
    "__init__.py", "version.py", "errors.py", "plain_file.py", "domain/__init__.py", "domain/clip.py", "domain/fusion.py",
    "domain/reason.py", "models/__init__.py", "models/clip_member.py", "models/compiled_folder.py", "models/cpu.py", "models/ensemble.py",
    "models/lock.py", "models/openvino_engine.py", "models/openvino_quiet.py", "serving/__init__.py", "serving/handler.py",
)  # fmt: skip
"""Files of the package that the handler needs; the rest stays out of the worker."""
ENTRY = "wince_handler.py"
_ENTRY_TEXT = '''"""What TorchServe imports: by a module's name without dots."""

from wince.serving.handler import handle

__all__ = ["handle"]
'''
_DATE = (1980, 1, 1, 0, 0, 0)


def pack(
    name: str,
    version: str,
    files: Mapping[str, Path],
    classes: Sequence[str],
    out: Path,
    *,
    fusion: str = "mean",
    weights: Sequence[float] = (),
    clip: Clip | None = None,
) -> tuple[Path, Manifest]:
    """Write out/<name>-<version>.mar and .json; gives the archive's path and the manifest. The golden inference is run here.

    Raises ConfigError for a bad name or version, ModelFileError where a member can't be used or gives no probabilities, ResourceError
    where it can't be written, or another archive lies there: a version never changes.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} can't be a model's name", field="name", remedy="small letters, digits and '-'")
    if not VERSION.fullmatch(version):
        raise ConfigError(f"{version!r} can't be a version", field="version", remedy="numbers with dots, such as 1.0")
    ensemble = Ensemble(files, len(classes), fusion, weights, clip)
    golden = golden_crops() if clip is None else golden_crops(clip.frames)
    answer = ensemble.answer(golden, golden_clips(clip))
    if answer.status.any():
        raise ModelFileError("a member gives no probabilities on the golden crops", field=name, remedy="export it again")
    expected = {member: tuple(tuple(map(float, row)) for row in table) for member, table in answer.members.items()}
    members = {member: {"file": f"{member}.onnx", "sha256": digest} for member, digest in ensemble.hashes.items()}
    description: dict[str, object] = {
        "name": name, "version": version, "classes": list(classes), "fusion": fusion, "weights": list(weights), "members": members,
    }  # fmt: skip
    if clip is not None:
        description["clip"] = asdict(clip)
    archive = out / f"{name}-{version}.mar"
    part = archive.with_suffix(".part")
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write(part, description, files, name, version)
        with part.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        manifest = Manifest(
            name, version, ensemble.model_set, dict(ensemble.hashes), tuple(classes), fusion, tuple(weights), digest, golden, expected, clip
        )
        if archive.exists() and hashlib.sha256(archive.read_bytes()).hexdigest() != digest:
            remedy = "give it a new version: one that is known never changes"
            raise ResourceError("holds another model set or other code", field=str(archive), remedy=remedy)
        part.replace(archive)
        manifest.write(archive.with_suffix(".json"))
    except OSError as error:
        raise ResourceError(error.strerror or "can't be written", field=str(out), remedy="name a folder with room") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return archive, manifest


def _write(target: Path, description: dict[str, object], files: Mapping[str, Path], name: str, version: str) -> None:
    model = {"modelName": name, "modelVersion": version, "handler": ENTRY}
    manifest = {"createdOn": "01/01/1980 00:00:00", "runtime": "python", "model": model, "archiverVersion": "0.12.0"}
    texts = {
        "MAR-INF/MANIFEST.json": json.dumps(manifest, indent=2),
        DESCRIPTION: json.dumps(description, indent=1),  # not sorted: the members stand in the order of the weights
        ENTRY: _ENTRY_TEXT,
    }
    sources = {f"wince/{path}": PACKAGE / path for path in CODE} | {f"{member}.onnx": file for member, file in sorted(files.items())}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as zipped:
        for path, text in texts.items():
            zipped.writestr(_entry(path), text)
        for path, file in sources.items():
            with file.open("rb") as source, zipped.open(_entry(path, file.stat().st_size), "w") as sink:
                while chunk := source.read(1 << 20):
                    sink.write(chunk)


def _entry(path: str, size: int = 0) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, _DATE)
    entry.external_attr, entry.file_size = 0o644 << 16, size
    return entry
