"""What the typed clients share: one call with its deadline and token, and its failure as an error of the tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc

from wince.rpc import client
from wince.rpc.config import RpcSettings
from wince.rpc.status import error_of

DEADLINE_S = 10.0
PAGE = 200
"""Rows of a list that are asked for at a time."""


class ServiceClient(client.Connection):
    """A blocking client of one service, spread over its replicas. Thread-safe; a context manager.

    UNAVAILABLE is tried again by the channel until the deadline: every unary call of Wince may be repeated, since ids are the caller's.
    """

    def __init__(
        self, targets: Sequence[str], config: RpcSettings, *, deadline_s: float = DEADLINE_S, server_name: str = "",
        token: Callable[[], str] | None = None,
    ) -> None:  # fmt: skip
        """targets: HOST:PORT of each replica, or one dns:/// name. deadline_s: of each call. token: asked before each call for the one to
        send; None: that of the settings' file, if they name one. Raises ConfigError."""
        self._config, self._deadline_s, self._token = config, deadline_s, token
        super().__init__(client.blocking_channel(targets, config, server_name=server_name))

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with a call."""
        return client.metadata(self._config) if self._token is None else (("authorization", f"Bearer {self._token()}"),)

    def _call(self, method: Any, request: Any, *, deadline_s: float | None = None) -> Any:
        """The answer. `deadline_s`: None: the client's. Raises what error_of makes of a failure: MessageError, NotFound, Forbidden,
        Refused, Unavailable and others."""
        try:
            return method(request, timeout=deadline_s or self._deadline_s, metadata=self._metadata())
        except grpc.RpcError as error:
            raise error_of(error) from None  # type: ignore[arg-type]  # a blocking call's error says the same

    def _stream(self, method: Any, request: Any, *, endless: bool = False, **named: Any) -> Iterator[Any]:
        """The answers of one call; `request` may be an iterator of them. `endless`: no deadline. Raises as `_call`, while they are read;
        who closes the iterator ends the call."""
        stream = method(request, timeout=None if endless else self._deadline_s, metadata=self._metadata(), **named)
        try:
            yield from stream
        except grpc.RpcError as error:
            raise error_of(error) from None  # type: ignore[arg-type]  # a blocking call's error says the same
        finally:
            stream.cancel()

    def _pages(self, method: Any, request: Any) -> Iterator[Any]:
        """Every answer of a list, one after the other."""
        request.page_size = PAGE
        while True:
            answer = self._call(method, request)
            yield answer
            if not answer.next_page_token:
                return
            request.page_token = answer.next_page_token


def order(latest: bool, by: str = "start_us") -> str:
    """What `order_by` says where the latest come first."""
    return f"{by} desc" if latest else ""
