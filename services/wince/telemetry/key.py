"""The installation's key for the hashes in logs, so that lines of two runs can be put side by side."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from wince import plain_file
from wince.errors import ConfigError, ResourceError

BYTES = 32


def hash_key(path: Path) -> bytes:
    """The key in a file of 32 bytes; made, 0600, where the file is absent. For `logs.configure(key=...)`.

    Raises ConfigError where the file holds something else or others may read it, ResourceError where it can't be made or read.
    """
    try:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(BYTES))
        mode, key = path.stat().st_mode, plain_file.read(path)
    except OSError as error:
        raise ResourceError(error.strerror or "can't be used", field=str(path), remedy="free space, or give access to the folder") from None
    if mode & 0o077:
        raise ConfigError("other users may read the key of the logs", field=str(path), remedy=f"chmod 600 {path}")
    if len(key) != BYTES:
        raise ConfigError("is no key of the logs", field=str(path), remedy="remove it; a new one is made at the next start")
    return key
