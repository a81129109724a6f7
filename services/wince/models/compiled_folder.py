"""Compiled networks on disk: a folder that only its owner writes, and files that are whole or not used.

Compiling takes a second of a processor at each start. What OpenVINO exports is read back in a third of that, but its reader trusts
what it reads. So a network is used only where nobody else could have written it (folder and file belong to this user, and neither
group nor others may write them), where it was kept under exactly the key that is asked for, and where its sha256 is right. Everything
else counts as absent, without a word: the network is compiled, as it would be without the folder. So a home that can't be written, a
full disk or a damaged file cost time and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "compiled"
"""Of the folder, inside the models' folder."""
MAGIC = b"wince compiled network 1\n"
MOST_BYTES = 256 << 20
"""Of all files together; those that were used longest ago go first. The default models take 9 MB."""
ABANDONED_S = 3600.0
"""Age from which a file that was begun and not finished is removed."""
SUFFIX, PART = ".compiled", ".part"
_HEAD = len(MAGIC) + 2 * hashlib.sha256().digest_size


_of_process: CompiledFolder | None = None


def keep_in(models_dir: Path | None) -> None:
    """From now on this process keeps what it compiles in the folder `compiled` of the models' folder; None: nowhere, as at its start."""
    global _of_process  # noqa: PLW0603 - as OpenVINO's core, of which there is one a process, too
    _of_process = None if models_dir is None else CompiledFolder(models_dir.expanduser() / NAME)


def of_process() -> CompiledFolder | None:
    """Where this process keeps what it compiles; None: nowhere."""
    return _of_process


class CompiledFolder:
    """Networks by key. Any number of threads and processes may share a folder."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        """`folder`: made with the first network that is kept, inside a folder that must be there."""
        self._folder, self._most = folder, most_bytes

    def get(self, key: bytes) -> bytes | None:
        """The network kept under a key (32 bytes); None where there is none that can be trusted."""
        with suppress(OSError), self._opened() as folder:
            file = os.open(_name(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=folder)
            with open(file, "rb") as stream:
                if not _own(info := os.fstat(file), stat.S_ISREG) or info.st_size > self._most:
                    return None
                content = stream.read(self._most + 1)
                network = content[_HEAD:]
                if content[:_HEAD] != _head(key, network):
                    return None
                with suppress(OSError):
                    os.utime(file)
                return network
        return None

    def writable(self) -> bool:
        """Whether networks can be kept here; makes the folder where it can be made."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with self._opened():
                return os.access(self._folder, os.W_OK)
        except OSError:
            return False

    def put(self, key: bytes, network: bytes) -> None:
        """Keep a network, whole or not at all; one that alone takes more than half of what all may take is not kept."""
        if _HEAD + len(network) > self._most // 2:
            return
        if not self.writable():
            return
        with suppress(OSError), self._opened() as folder:
            self._make_room(folder, _HEAD + len(network))
            part = f"{_name(key)}.{secrets.token_hex(4)}{PART}"
            file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
            try:
                with open(file, "wb") as stream:
                    stream.write(_head(key, network) + network)
                    stream.flush()
                    os.fsync(file)
                os.replace(part, _name(key), src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The folder's descriptor. Raises OSError where it is absent, a link, or another user may write it."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not _own(os.fstat(folder), stat.S_ISDIR):
                raise PermissionError
            yield folder
        finally:
            os.close(folder)

    def _make_room(self, folder: int, size: int) -> None:
        """Remove what was begun and abandoned, and what was used longest ago, until `size` bytes more are allowed."""
        kept = []
        for name in os.listdir(folder):
            if not name.endswith((SUFFIX, PART)):
                continue
            info = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if name.endswith(SUFFIX):
                kept.append((info.st_mtime, info.st_size, name))
            elif time.time() - info.st_mtime > ABANDONED_S:
                os.unlink(name, dir_fd=folder)
        total = size + sum(taken for _, taken, _ in kept)
        for _, taken, name in sorted(kept):
            if total <= self._most:
                return
            os.unlink(name, dir_fd=folder)
            total -= taken


def _own(info: os.stat_result, kind: Callable[[int], bool]) -> bool:
    """Whether it is of that kind, and only this user (and root) may have written it."""
    return kind(info.st_mode) and info.st_uid == os.geteuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _name(key: bytes) -> str:
    return key.hex() + SUFFIX


def _head(key: bytes, network: bytes) -> bytes:
    """Of a file: what it is, for which key, and the digest of what follows."""
    return MAGIC + key + hashlib.sha256(network).digest()
