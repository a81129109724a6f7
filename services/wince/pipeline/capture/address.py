"""Where a camera is read, and with which login: the address that may be shown, and the secret that may not.

A user name or password inside an address would lie in settings, process lists, logs and errors. So an address that holds one is refused,
and a login (`user:password`, one line) comes from a file or from a variable of the environment, read again at each attempt to connect.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from wince.errors import ConfigError

SCHEMES = ("rtsp", "rtsps", "udp", "tcp", "http", "https")
"""rtsp(s): as the camera describes itself; the others: MPEG-TS."""
MAX_LOGIN = 1024
"""Bytes of a login."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where the login is kept; at most one of the two."""

    file: Path | None = None
    variable: str = ""
    """Name of an environment variable."""

    def read(self, field: str) -> tuple[str, str] | None:
        """(user, password), or None where none is set. Raises ConfigError where it can't be read; its text never holds the login."""
        if self.file is not None:
            where = f"{field}.login_file={self.file}"
            try:
                with self.file.open("rb") as stream:
                    data = stream.read(MAX_LOGIN + 1)
                text = data.decode("utf-8").strip()
            except OSError as error:
                raise ConfigError(error.strerror or "can't be read", field=where, remedy="name a readable file") from None
            except UnicodeDecodeError:
                raise ConfigError("is not UTF-8", field=where, remedy="one line: user:password") from None
        elif self.variable:
            where, text = f"{field}.login_env={self.variable}", os.environ.get(self.variable, "")
        else:
            return None
        user, colon, password = text.partition(":")
        if not user or not colon or "\n" in text or len(text) > MAX_LOGIN:
            raise ConfigError("holds no login", field=where, remedy="one line: user:password")
        return user, password


def check(uri: str, field: str = "url") -> str:
    """The address, if it can be read and shown. Raises ConfigError, without the address where it holds a login."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigError("is not a URL", field=field, remedy="such as rtsp://camera-7.example/stream2") from None
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ConfigError(
            "holds a user name or password, which would be seen in settings, logs and process lists",
            field=field,
            remedy="put user:password into a file, name it as login_file, and change the camera's password",
        )
    if parts.scheme not in SCHEMES or not host or any(ord(c) < 33 or ord(c) == 127 for c in uri):
        raise ConfigError(f"must be a URL of {', '.join(SCHEMES)}", field=field, remedy="such as rtsp://camera-7.example/stream2")
    return uri


def with_login(uri: str, login: tuple[str, str] | None) -> str:
    """The address for the one call that connects; never kept, never shown."""
    if login is None:
        return uri
    scheme, rest = uri.split("://", 1)
    return f"{scheme}://{quote(login[0], safe='')}:{quote(login[1], safe='')}@{rest}"
