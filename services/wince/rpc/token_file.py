"""The file of callers: who may do what, where, and until when. It holds no usable token, only the sha256 of each.

One caller a line, `#` begins a comment:

    # name       roles            secret                 bound to, and until
    console      nurse,on_behalf  sha256:9f86d081...     wards=ICU,PACU
    ward-3-cam   camera           sha256:60303ae2...     sources=bed-1,bed-2  until=2027-06-30
    capture      stage,publish    cn:capture.example

A secret is `sha256:` and the hash of a token (`wince token make` writes both), or `cn:` and the common name or DNS name of a client
certificate that mTLS has checked. `sources`, `beds` and `wards` bind a caller: it reaches what lies in any of them. `*` is everything. A
`camera` must be bound, since one camera must not speak for another. What would split a line (a space, a comma, `#`, `%`) is written as in
a URL (`%20`). `until` is a day (UTC, to its end) or a moment (2027-06-30T12:00Z).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from wince.control import has_control
from wince.domain.reach import Bounds
from wince.errors import ConfigError
from wince.rpc.config import read
from wince.rpc.roles import Role

FIELD = "rpc.token_file"
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_BOUND = ("sources", "beds", "wards")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    name: str
    roles: frozenset[Role]
    digest: bytes
    """sha256 of the token. Empty: a certificate."""
    certificate: str
    """Its name. Empty: a token."""
    bounds: Bounds
    until_s: float | None
    """Seconds since 1970. None: without end."""
    line: int

    @property
    def id(self) -> str:
        """How commands name it: the begin of the token's hash, or cn: and the certificate's name."""
        return self.digest.hex()[:8] if self.digest else f"cn:{self.certificate}"


def digest_of(token: str) -> bytes:
    """What stands in the file for a token."""
    return hashlib.sha256(token.encode()).digest()


def stamp(path: Path) -> tuple[int, ...]:
    """Changes with the file. Raises ConfigError where it can't be read, or everybody may read it."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=f"{FIELD}={path}", remedy="name a readable file") from None
    if found.st_mode & 0o007:
        raise ConfigError("every user may read it", field=f"{FIELD}={path}", remedy=f"chmod 640 {path}")
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def load(path: Path) -> list[Entry]:
    """The callers of a file; none where it holds comments alone. Raises ConfigError naming the line that is wrong."""
    try:
        text = read(path, FIELD).decode()
    except UnicodeDecodeError:
        raise ConfigError("is not text", field=f"{FIELD}={path}", remedy="one caller a line: name roles secret") from None
    entries = list(parse(text, f"{FIELD}={path}"))
    if not text.strip():  # of a file whose last caller was revoked a comment is left
        raise ConfigError("is empty", field=f"{FIELD}={path}", remedy="wince token make NAME ROLES")
    return entries


def parse(text: str, where: str) -> Iterator[Entry]:
    """The callers in a file's text. Raises ConfigError; `where` is the begin of its field."""
    seen: dict[bytes | str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not (parts := words(line)):
            continue
        entry = _entry(parts, number, f"{where} line {number}")
        key = entry.digest or entry.certificate
        if key in seen:
            remedy = "one line for each token and certificate"
            raise ConfigError(f"has the secret of line {seen[key]}", field=f"{where} line {number}", remedy=remedy)
        seen[key] = number
        yield entry


def words(line: str) -> list[str]:
    """What a line says, without its comment."""
    return line.split("#", 1)[0].split()


def _entry(parts: Sequence[str], number: int, where: str) -> Entry:
    if len(parts) < 3 or not _NAME.fullmatch(parts[0]):
        remedy = "name: letters, digits, . _ @ -; roles: with commas between"
        raise ConfigError("is not `name roles secret`", field=where, remedy=remedy)
    name, roles = parts[0], roles_of(parts[1], where)
    digest, certificate = _secret(parts[2], where)
    more = _more(parts[3:], where)
    bounds = bounds_of(more, where)
    if Role.CAMERA in roles and not any(key in more for key in _BOUND):
        remedy = f"add the cameras that {name} pushes: sources=ID,ID; or sources=* for every camera"
        raise ConfigError("a caller with the role `camera` must name its cameras", field=where, remedy=remedy)
    until_s = until_of(more["until"], where) if "until" in more else None
    return Entry(name, roles, digest, certificate, bounds, until_s, number)


def roles_of(text: str, where: str) -> frozenset[Role]:
    """Roles with commas between. Raises ConfigError."""
    try:
        return frozenset(Role(one) for one in text.split(","))
    except ValueError:
        raise ConfigError("names an unknown role", field=where, remedy=f"of: {', '.join(Role)}") from None


def _secret(text: str, where: str) -> tuple[bytes, str]:
    if text.startswith("cn:") and len(text) > 3:
        return b"", text[3:]
    if found := _HASH.fullmatch(text):
        return bytes.fromhex(found[1]), ""
    if text.startswith("sha256:"):
        raise ConfigError("is no sha256", field=where, remedy="sha256: and 64 small hex digits")
    path = where.removeprefix(f"{FIELD}=").rpartition(" line ")[0]
    remedy = f"`wince token seal --file {path}` puts hashes in their place; the tokens stay the same"
    raise ConfigError("holds a usable token: whoever reads the file could be that caller", field=where, remedy=remedy)


def _more(parts: Sequence[str], where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if key not in (*_BOUND, "until") or not equals or not value or key in found:
            raise ConfigError("has a word that is not known, or twice", field=where, remedy="sources=, beds=, wards=, until=, each once")
        found[key] = value
    return found


def bounds_of(said: Mapping[str, str], where: str) -> Bounds:
    """What `sources`, `beds` and `wards` bind to. Raises ConfigError."""
    if "*" in (said.get(key) for key in _BOUND):
        if sum(key in said for key in _BOUND) > 1:
            raise ConfigError("`*` is everything", field=where, remedy="leave the others out")
        return Bounds()
    found: dict[str, frozenset[str]] = {}
    for key in (key for key in _BOUND if key in said):
        values = frozenset(unquote(one) for one in said[key].split(","))
        if any(not one or one == "*" or has_control(one) for one in values):
            raise ConfigError(f"`{key}` has an empty or odd name", field=where, remedy="names with commas between, or * alone")
        found[key] = values
    return Bounds(**found)


def until_of(text: str, where: str) -> float:
    """A day (to its end) or a moment, seconds since 1970. Raises ConfigError."""
    try:
        if "T" not in text:
            day = date.fromisoformat(text)
            return (datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)).timestamp()
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.timestamp()
    except (ValueError, OverflowError):
        pass
    raise ConfigError("`until` is no date", field=where, remedy="such as 2027-06-30, or 2027-06-30T12:00Z")
