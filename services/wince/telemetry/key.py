"""The installation's key for the hashes in logs, so that lines of two runs, and of two replicas, can be put side by side."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from wince import plain_file
from wince.errors import ConfigError, ResourceError

BYTES = 32


def hash_key(path: Path, *, make: bool = True) -> bytes:
    """The key in a file of 32 bytes, for `logs.configure(key=...)`. `make`: where the file is absent, it is made, 0600; else it is a file
    that the site named, which all replicas share: one that is made here would be another key on each.

    Raises ConfigError where the file holds something else, others may read it, or it is absent and not to be made; ResourceError where it
    can't be made.
    """
    if make:
        _made(path)
    try:
        with plain_file.opened(path) as file:
            open_to_others, key = plain_file.open_to_others(file.fileno()), file.read(BYTES + 1)
    except OSError as error:
        remedy = f"head -c {BYTES} /dev/urandom > {path}; chmod 600 {path}"
        raise ConfigError(error.strerror or "can't be read", field=str(path), remedy=remedy) from None
    if open_to_others:
        raise ConfigError("other users may read the key of the logs", field=str(path), remedy=f"chmod 600 {path}")
    if len(key) != BYTES:
        remedy = "remove it; a new one is made at the next start" if make else f"head -c {BYTES} /dev/urandom > {path}"
        raise ConfigError("is no key of the logs", field=str(path), remedy=remedy)
    return key


def _made(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(BYTES))
    except FileExistsError:
        return
    except OSError as error:
        raise ResourceError(error.strerror or "can't be made", field=str(path), remedy="free space, or give access to the folder") from None
