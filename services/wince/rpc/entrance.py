"""Lets a call in: who calls, whether it may, whose share it takes; and asks again while its stream is open."""

from __future__ import annotations

import time
from collections.abc import Sequence

from wince.domain.reach import Find
from wince.errors import Unavailable
from wince.rpc.addresses import HEADER, caller_address, networks
from wince.rpc.auth import ANYBODY, Callers, Credential, allow
from wince.rpc.errors import Forbidden, Unauthenticated
from wince.rpc.gate import Gate
from wince.rpc.inbound import End
from wince.rpc.rights import RIGHTS

HEADERS = ("authorization", HEADER)
"""Of a call's metadata, what is looked at."""
Metadata = Sequence[tuple[str, str]]


class Entrance:
    """Of one server; used from one event loop."""

    def __init__(self, callers: Callers, proxies: Sequence[str], find: Find | None) -> None:
        self._callers, self._proxies, self._find = callers, networks(proxies), find

    async def enter(self, method: str, metadata: Metadata, peer: str, names: Sequence[str]) -> tuple[Gate, str]:
        """What the caller may do with a method, and whose share of all calls it takes. `names`: in its verified certificate.

        Raises Unauthenticated, Forbidden, Unavailable.
        """
        shown = Credential([value for key, value in metadata if key == "authorization"], names, self._callers.version)
        who = await self._callers.of(shown.authorization, names)
        gate = Gate(who, method, allow(who, method, RIGHTS.get(method)), self._find, shown)
        if who is not ANYBODY:
            return gate, who.name
        return gate, f"cn:{names[0]}" if names else self.address(metadata, peer)

    def address(self, metadata: Metadata, peer: str) -> str:
        """The address that counts as the caller's."""
        return caller_address(peer, [value for key, value in metadata if key == HEADER], self._proxies)

    async def still(self, gate: Gate) -> End | None:
        """Why a stream's caller may not have it any more; None: it may."""
        who, shown = gate.who, gate.credential
        if who.until_s is not None and time.time() >= who.until_s:
            return End.REVOKED
        self._callers.look()
        if shown.version == self._callers.version:
            return None
        try:
            now = await self._callers.of(shown.authorization, shown.names)
            allow(now, gate.method, gate.right)
        except Unauthenticated:
            return End.REVOKED
        except Forbidden:
            return End.FORBIDDEN
        except Unavailable:  # a sign-in's keys; the token itself was believed, and has its own end
            return None
        if now != who:
            return End.CHANGED
        shown.version = self._callers.version
        return None
