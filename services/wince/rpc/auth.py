"""Who calls: a bearer token, a client certificate, or a token of the site's own sign-in (OpenID Connect).

A changed token file counts within a second; one that is wrong then leaves what was known, and the log says so.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wince.domain.reach import EVERYTHING, Bounds
from wince.errors import WinceError
from wince.rpc import token_file
from wince.rpc.errors import Forbidden, Unauthenticated
from wince.rpc.right import Right
from wince.rpc.roles import Role
from wince.rpc.token_file import Entry
from wince.telemetry import logs

log = logs.get(__name__)

LOOK_S = 0.2
"""How often the token file is looked at, at most. It is read when two looks saw the same change: writers may be in the middle."""
LONGEST = 8192
"""Characters of a token."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling."""

    name: str
    """As the token file names it, or "oidc:" and the subject; stands in the audit trail."""
    roles: frozenset[Role]
    bounds: Bounds = EVERYTHING
    until_s: float | None = None
    """When its credential ends, seconds since 1970. None: without end."""
    subject: str = ""
    """The person that a sign-in names. Empty: the name."""

    @property
    def author(self) -> str:
        """Who stands as the author of what it decides."""
        return self.subject or self.name


ANYBODY = Caller("anonymous", frozenset(Role))
"""Any caller of a server without a token file and without a sign-in."""


@dataclass(slots=True)
class Credential:
    """What a call has shown of its caller."""

    authorization: Sequence[str]
    names: Sequence[str]
    """In its verified certificate."""
    version: int
    """Of the callers by which it was judged last."""


_caller: ContextVar[Caller] = ContextVar("wince_rpc_caller", default=ANYBODY)


def caller() -> Caller:
    """Who makes the call that runs."""
    return _caller.get()


def set_caller(who: Caller) -> None:
    """Said by the server before a handler runs."""
    _caller.set(who)


class SignIn(Protocol):
    """Verifies tokens that somebody else issued."""

    @property
    def version(self) -> int:
        """Rises when tokens may be judged otherwise."""

    def look(self) -> None:
        """Called often: begin what is due."""

    def may_be(self, token: str) -> bool:
        """Whether a bearer token looks like one of its."""

    async def of(self, token: str) -> Caller:
        """Whose it is. Raises Unauthenticated, Unavailable (its keys can't be had)."""


class Callers:
    """Who a call comes from. Without a token file and a sign-in everybody is ANYBODY. Used from one event loop."""

    def __init__(self, path: Path | None, sign_in: SignIn | None = None) -> None:
        """Raises ConfigError naming the line that is wrong."""
        self._path, self._sign_in = path, sign_in
        self._tokens: dict[bytes, Entry] = {}
        self._certificates: dict[str, Entry] = {}
        self._looked_s = time.monotonic()
        self._read: tuple[int, ...] = ()
        self._seen: tuple[int, ...] = ()
        self._version = 0
        if path is not None:
            self._load(path)

    @property
    def version(self) -> int:
        """Rises whenever callers may be judged otherwise."""
        return self._version + (self._sign_in.version if self._sign_in is not None else 0)

    @property
    def open(self) -> bool:
        """Whether anybody may call."""
        return self._path is None and self._sign_in is None

    async def of(self, authorization: Sequence[str], names: Sequence[str]) -> Caller:
        """The caller of a call with these `authorization` headers and these names in its (verified) certificate.

        Raises Unauthenticated, never saying which part was wrong; Unavailable where a sign-in's keys can't be had now.
        """
        if self.open:
            return ANYBODY
        self.look()
        if not authorization:
            for name in names:
                if name in self._certificates:
                    return _still(self._certificates[name])
            raise Unauthenticated("no token", field="authorization", remedy="send `authorization: Bearer TOKEN`")
        scheme, _, token = authorization[0].partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer":
            raise Unauthenticated(
                "begins with another word than Bearer", field="authorization", remedy="send `authorization: Bearer TOKEN`"
            )
        if len(authorization) != 1 or not 0 < len(token) <= LONGEST:
            raise _unknown()
        if self._sign_in is not None and self._sign_in.may_be(token):
            return await self._sign_in.of(token)
        given = token_file.digest_of(token)
        found = None
        for kept, entry in self._tokens.items():  # every one is looked at, whichever fits
            if hmac.compare_digest(kept, given):
                found = entry
        if found is None:
            raise _unknown()
        return _still(found)

    def look(self) -> None:
        """Read the file again if it is another one, and was when last looked at; let the sign-in ask for its keys."""
        if self._sign_in is not None:
            self._sign_in.look()
        now_s = time.monotonic()
        if self._path is None or now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        try:
            stamp = token_file.stamp(self._path)
            settled, self._seen = stamp == self._seen, stamp
            if settled and stamp != self._read:
                self._read = stamp  # a wrong file is said once
                self._load(self._path)
        except WinceError as error:
            if self._seen or self._read:
                log.error("the changed token file can't be read; the last good one stays", error=error)
            self._seen = self._read = ()

    def _load(self, path: Path) -> None:
        stamp = token_file.stamp(path)
        entries = token_file.load(path)
        self._tokens = {entry.digest: entry for entry in entries if entry.digest}
        self._certificates = {entry.certificate: entry for entry in entries if entry.certificate}
        self._read = self._seen = stamp
        self._version += 1


def _unknown() -> Unauthenticated:
    return Unauthenticated("the token is not known", field="authorization", remedy="send the token that the operator gave you")


def _still(entry: Entry) -> Caller:
    """Its caller. Raises Unauthenticated where its time is over."""
    if entry.until_s is not None and time.time() >= entry.until_s:
        raise Unauthenticated("the token's time is over", field="authorization", remedy="ask the operator for a new one")
    return Caller(entry.name, entry.roles, entry.bounds, entry.until_s)


def allow(who: Caller, method: str, right: Right | None) -> Right:
    """The method's right, where this caller has a role for it. Raises Forbidden. A method that nobody named is nobody's."""
    if right is None or not who.roles & right.roles:
        which = f"one of the roles {', '.join(sorted(right.roles))}" if right is not None else "another role"
        raise Forbidden("your role does not allow this call", field=method, remedy=f"ask the operator for a token with {which}")
    if not right.bindable and not who.bounds.everything:
        raise Forbidden("a caller that is bound to cameras, beds or wards may not call this", field=method, remedy="ask the operator")
    return right
