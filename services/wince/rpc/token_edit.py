"""Changes of the token file: whole or not at all, one after the other, comments kept, tokens never in it."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from wince.errors import ConfigError, ResourceError
from wince.rpc import token_file
from wince.rpc.token_file import FIELD, Entry

PREFIX = "wince_"
"""What tokens begin with, so that scanners for leaked secrets know them."""
_SHORTEST = 16
"""Characters of a plain token in a file of before."""


def make(path: Path, name: str, roles: str, bounds: Sequence[tuple[str, Sequence[str]]], until: str, *, certificate: str = "") -> str:
    """Add a caller; its new token, which is nowhere else. `bounds`: such as ("sources", ["bed-1"]). `certificate`: the name in a client
    certificate instead of a token; then the empty text.

    Raises ConfigError (a value can't be used), ResourceError (the file can't be written).
    """
    token = "" if certificate else PREFIX + secrets.token_urlsafe(32)
    secret = f"cn:{certificate}" if certificate else f"sha256:{token_file.digest_of(token).hex()}"
    more = [f"{key}={','.join('*' if value == '*' else quote(value, safe='^|:@') for value in values)}" for key, values in bounds if values]
    line = "  ".join([name, roles, secret, *more, *([f"until={until}"] if until else [])])
    if certificate and len(certificate.split()) != 1:
        raise ConfigError("must not be empty, nor hold spaces", field="cn", remedy="the common name, or a DNS name of the certificate")
    for _ in token_file.parse(line, "the new line"):  # whatever is wrong with it is said before anything is written
        pass

    def added(text: str) -> str:
        for _ in token_file.parse(text, f"{FIELD}={path}"):
            pass
        return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n"

    _change(path, added, new=True)
    return token


def revoke(path: Path, which: str, by: str) -> list[Entry]:
    """Take callers away, by name or id; a comment says when and by whom. Raises ConfigError, also where there is none."""
    gone: list[Entry] = []

    def without(text: str) -> str:
        gone[:] = [one for one in token_file.parse(text, f"{FIELD}={path}") if which in (one.name, one.id)]
        if not gone:
            raise ConfigError("names no caller of the file", field=which, remedy="`wince token list` shows names and ids")
        lines = {one.line: one for one in gone}
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}"
        return "".join(
            f"# {lines[number].name} {lines[number].id} revoked {now} by {by}\n" if number in lines else line
            for number, line in enumerate(text.splitlines(keepends=True), 1)
        )

    _change(path, without)
    return gone


def seal(path: Path) -> int:
    """Put hashes in the place of plain tokens, as files of before held them; how many. Raises ConfigError where another thing is wrong."""
    sealed = 0

    def hashed(text: str) -> str:
        nonlocal sealed
        made: list[str] = []
        for line in text.splitlines(keepends=True):
            parts = token_file.words(line)
            if len(parts) >= 3 and not parts[2].startswith(("cn:", "sha256:")):
                if len(parts[2]) < _SHORTEST:
                    remedy = "make a new one: wince token make"
                    raise ConfigError(
                        f"the token of {parts[0]} is shorter than {_SHORTEST} characters", field=f"{FIELD}={path}", remedy=remedy
                    )
                start = line.index(parts[2], line.index(parts[1], line.index(parts[0]) + len(parts[0])) + len(parts[1]))
                line = f"{line[:start]}sha256:{token_file.digest_of(parts[2]).hex()}{line[start + len(parts[2]) :]}"  # noqa: PLW2901
                sealed += 1
            made.append(line)
        return "".join(made)

    _change(path, hashed)
    return sealed


def _change(path: Path, change: Callable[[str], str], *, new: bool = False) -> None:
    try:
        with _alone(path):
            try:
                before, mode, owner = path.read_text("utf-8"), path.stat().st_mode & 0o770, path.stat()
            except FileNotFoundError:
                if not new:
                    raise
                before, mode, owner = "", 0o600, None
            text = change(before)
            part = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
            try:
                with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
                    stream.write(text)
                    stream.flush()
                    if owner is not None:
                        with suppress(PermissionError):
                            os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
                    os.fchmod(stream.fileno(), mode)
                    os.fsync(stream.fileno())
                os.replace(part, path)
            finally:
                part.unlink(missing_ok=True)
    except UnicodeDecodeError:
        raise ConfigError("is not text", field=f"{FIELD}={path}", remedy="one caller a line: name roles secret") from None
    except OSError as error:
        words = error.strerror or "can't be written"
        raise ResourceError(words, field=f"{FIELD}={path}", remedy="name a file in a folder that you may write to") from None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other command changes the file meanwhile."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
