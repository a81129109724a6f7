"""Who calls, and what they may do: bearer tokens and client certificates, each with roles.

The token file has one caller per line, `#` begins a comment:

    # name       roles             secret
    console      reader,operator   sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    ward-3-cam   camera            k3Vt0m2yZ7s8qLrWb1x9
    bed-side     nurse             cn:bedside.ward3.example

A secret is the token itself (16 characters or more), its sha256, or `cn:` and the common name or DNS name of a client certificate that
mTLS has checked. Only hashes are kept in memory; a token is compared with all of them in constant time. A changed file is read again
within 5 s; one that is wrong then leaves what was known.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from wince.errors import ConfigError, WinceError
from wince.rpc.config import read
from wince.rpc.errors import Forbidden, Unauthenticated
from wince.telemetry import logs

log = logs.get(__name__)

SHORTEST = 16
"""Characters of a token."""
AGAIN_S = 5.0
_HASH = re.compile(r"sha256:([0-9a-f]{64})")
_NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")


class Role(StrEnum):
    """What a caller may do. Each RPC names the roles that may call it; one of them is enough."""

    READER = "reader"
    """Reads what was found, charted, and who lies where."""
    NURSE = "nurse"
    """Answers questions, sets pauses and patient states."""
    OPERATOR = "operator"
    """Starts and stops cameras, replays dead letters, reads and verifies the audit trail."""
    CAMERA = "camera"
    """Pushes frames."""
    STAGE = "stage"
    """Asks detect, estimate and grade: Wince's own services, and who brings their own frames."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling."""

    name: str
    """As the token file names it; stands in the audit trail."""
    roles: frozenset[Role]


ANYBODY = Caller("anonymous", frozenset(Role))
"""Any caller of a server without a token file."""

_caller: ContextVar[Caller] = ContextVar("wince_rpc_caller", default=ANYBODY)


def caller() -> Caller:
    """Who makes the call that runs."""
    return _caller.get()


def set_caller(who: Caller) -> None:
    """Said by the server before a handler runs."""
    _caller.set(who)


class Callers:
    """The callers of a token file. `None`: everybody is ANYBODY."""

    def __init__(self, path: Path | None) -> None:
        """Raises ConfigError naming the line that is wrong."""
        self._path = path
        self._tokens: dict[bytes, Caller] = {}
        self._names: dict[str, Caller] = {}
        self._looked = time.monotonic()
        self._stamp: tuple[int, int] = (0, 0)
        if path is not None:
            self._read(path)

    def of(self, authorization: Sequence[str], names: Sequence[str]) -> Caller:
        """The caller of a call with these `authorization` headers and these names in its (verified) certificate.

        Raises Unauthenticated, never saying which part was wrong.
        """
        if self._path is None:
            return ANYBODY
        self._again(self._path)
        if not authorization:
            for name in names:
                if name in self._names:
                    return self._names[name]
            raise Unauthenticated("no token", field="authorization", remedy="send `authorization: Bearer TOKEN`")
        scheme, _, token = authorization[0].partition(" ")
        given = hashlib.sha256(token.strip().encode()).digest()
        found = None
        for kept, who in self._tokens.items():  # every one is looked at, whichever fits
            if hmac.compare_digest(kept, given):
                found = who
        if found is None or len(authorization) != 1 or scheme.lower() != "bearer":
            raise Unauthenticated("the token is not known", field="authorization", remedy="send the token that the operator gave you")
        return found

    def _again(self, path: Path) -> None:
        if time.monotonic() - self._looked < AGAIN_S:
            return
        self._looked = time.monotonic()
        try:
            if _stamp(path) != self._stamp:
                self._read(path)
        except (WinceError, OSError) as error:
            log.error("the changed token file can't be read; the last good one stays", error=error)

    def _read(self, path: Path) -> None:
        stamp = _stamp(path)
        try:
            text = read(path, "rpc.token_file").decode()
        except UnicodeDecodeError:
            raise ConfigError("is not text", field=f"rpc.token_file={path}", remedy="one caller per line: name roles secret") from None
        tokens: dict[bytes, Caller] = {}
        names: dict[str, Caller] = {}
        for number, line in enumerate(text.splitlines(), 1):
            parts = line.split("#", 1)[0].split()
            if not parts:
                continue
            who, secret = _caller_of(parts, f"rpc.token_file={path} line {number}")
            if secret.startswith("cn:"):
                names[secret[3:]] = who
            else:
                known = _HASH.fullmatch(secret)
                tokens[bytes.fromhex(known[1]) if known else hashlib.sha256(secret.encode()).digest()] = who
        if not tokens and not names:
            raise ConfigError("names no caller", field=f"rpc.token_file={path}", remedy="one caller per line: name roles secret")
        self._tokens, self._names, self._stamp = tokens, names, stamp


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=f"rpc.token_file={path}", remedy="name a readable file") from None
    if found.st_mode & 0o007:
        raise ConfigError("every user may read the tokens", field=f"rpc.token_file={path}", remedy=f"chmod 640 {path}")
    return found.st_mtime_ns, found.st_size


def _caller_of(parts: Sequence[str], where: str) -> tuple[Caller, str]:
    if len(parts) != 3 or not _NAME.fullmatch(parts[0]):
        raise ConfigError("is not `name roles secret`", field=where, remedy="name: letters, digits, . _ @ -; roles: with commas between")
    try:
        roles = frozenset(Role(one) for one in parts[1].split(","))
    except ValueError:
        raise ConfigError("names an unknown role", field=where, remedy=f"of: {', '.join(Role)}") from None
    secret = parts[2]
    if secret.startswith("sha256:") and not _HASH.fullmatch(secret):
        raise ConfigError("is no sha256", field=where, remedy="sha256: and 64 small hex digits")
    if not secret.startswith(("cn:", "sha256:")) and len(secret) < SHORTEST:
        raise ConfigError(f"the token is shorter than {SHORTEST} characters", field=where, remedy="openssl rand -base64 24")
    return Caller(parts[0], roles), secret


def allow(who: Caller, method: str, roles: Mapping[str, frozenset[Role]]) -> None:
    """Raises Forbidden where the caller has none of the method's roles. A method that nobody named is nobody's."""
    if not who.roles & roles.get(method, frozenset()):
        raise Forbidden("your role does not allow this call", field=method, remedy="ask the operator for a token with another role")
