"""What stands between the wire and every handler: who calls, bytes to messages, time limits, and every error as a status.

Handlers raise errors of the tree (wince/errors.py, wince/rpc/errors.py) and know nothing of gRPC's codes. What else they raise is
logged by type and place and told as "internal error".
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import grpc
from google.protobuf.message import DecodeError

from wince.codec import inbound as arriving
from wince.errors import MessageError, ResourceError, Unavailable, WinceError
from wince.rpc.auth import ANYBODY, Callers, Role, allow, set_caller
from wince.rpc.config import RpcSettings
from wince.rpc.errors import TimedOut
from wince.rpc.inbound import End, Inbound
from wince.rpc.peers import address_of
from wince.rpc.requests import storable
from wince.rpc.shares import Shares
from wince.rpc.status import status_of, trailers
from wince.telemetry import logs

log = logs.get(__name__)

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
Observer = Callable[[str, str, float], None]
"""Told at the end of every call: method ("/package.Service/Method"), status name, seconds."""

OPEN = "/grpc.health.v1.Health/"
"""Probes ask without a token."""
WATCHERS = 32
"""Health's streams without a token that one address may have open: a probe has one."""


class Guard(grpc.aio.ServerInterceptor):
    """The one interceptor of a server."""

    def __init__(
        self,
        config: RpcSettings,
        callers: Callers,
        roles: Mapping[str, frozenset[Role]],
        slow: frozenset[str] = frozenset(),
        observe: Observer | None = None,
    ) -> None:
        """`roles`: who may call a method, by "/package.Service/Method"; `slow`: those with the longer deadline."""
        self._config, self._callers, self._roles, self._slow, self._observe = config, callers, roles, slow, observe
        self.shares = Shares(config.max_rpcs_per_caller, "rpc.max_rpcs_per_caller")
        self._watchers = Shares(WATCHERS, "grpc.health.v1.Health/Watch")
        self._enders: set[Callable[[End], None]] = set()
        self.draining = False
        self.running = 0
        """Calls that run."""

    def drain(self) -> None:
        """No new calls; streams end after what they have read."""
        self.draining = True
        for end in tuple(self._enders):
            end(End.DRAIN)

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]], details: grpc.HandlerCallDetails
    ) -> Handler:
        """See grpc.aio.ServerInterceptor."""
        handler = cast("Any", await continuation(details))
        if handler is None or details.method.startswith(OPEN):
            return cast("Handler", handler if handler is None or not handler.response_streaming else self._watched_health(handler))
        method, decode = details.method, _decoder(handler)
        authorization = [str(value) for key, value in details.invocation_metadata or () if key == "authorization"]

        def enter(context: Context) -> str:
            """Raises where this caller may not call this now; whose share the call takes."""
            if self.draining:
                raise Unavailable("draining", remedy="ask another replica, or again", retry_after_s=1.0)
            who = self._callers.of(authorization, _names(context))
            allow(who, method, self._roles)
            set_caller(who)
            return who.name if who is not ANYBODY else address_of(context.peer())

        if handler.request_streaming:
            if handler.response_streaming:
                return self._handler(handler, grpc.stream_stream_rpc_method_handler, self._streamed(method, handler, decode, enter))
            raise TypeError(f"{method}: a stream in and one answer out is not served")
        if handler.response_streaming:
            return self._handler(handler, grpc.unary_stream_rpc_method_handler, self._told(method, handler, decode, enter))
        return self._handler(handler, grpc.unary_unary_rpc_method_handler, self._asked(method, handler, decode, enter))

    @staticmethod
    def _handler(handler: Any, make: Any, behaviour: Any) -> Handler:
        return cast("Handler", make(behaviour, None, handler.response_serializer))

    def _asked(self, method: str, handler: Any, decode: Callable[[bytes], Any], enter: Callable[[Context], str]) -> Any:
        """One request, one answer."""
        limit_s = self._config.slow_deadline_s if method in self._slow else self._config.deadline_s

        async def behaviour(data: bytes, context: Context) -> Any:
            async with _Call(self, method, context) as call:
                call.take(enter(context))
                try:
                    async with asyncio.timeout(limit_s):
                        return await handler.unary_unary(_whole(decode, data), context)
                except TimeoutError:
                    raise TimedOut(f"not done within {limit_s:g} s", remedy="ask for less, or again later") from None

        return behaviour

    def _streamed(self, method: str, handler: Any, decode: Callable[[bytes], Any], enter: Callable[[Context], str]) -> Any:
        """Requests in, answers out."""

        async def behaviour(_requests: object, context: Context) -> AsyncIterator[Any]:
            async with _Call(self, method, context) as call:
                call.take(enter(context))
                requests = Inbound(cast("Any", context.read), decode, self._config.stream_idle_s)
                timer = self._watched(requests.end)
                answers = handler.stream_stream(requests, context)
                try:
                    async for answer in answers:
                        yield answer
                    _gone(requests.ended)
                finally:
                    timer()
                    requests.close()
                    await answers.aclose()

        return behaviour

    def _watched_health(self, handler: Any) -> Handler:
        """Health's stream, which is written by hand; nobody has shown a token."""

        async def behaviour(request: Any, context: Context) -> None:
            address = address_of(context.peer())
            try:
                self._watchers.take(address)
            except ResourceError as error:
                code, text, status = status_of(error)
                await context.abort(code, text, trailers(status))
            try:
                await handler.unary_stream(request, context)
            finally:
                self._watchers.give(address)

        make: Any = grpc.unary_stream_rpc_method_handler
        return cast("Handler", make(behaviour, handler.request_deserializer, handler.response_serializer))

    def _told(self, method: str, handler: Any, decode: Callable[[bytes], Any], enter: Callable[[Context], str]) -> Any:
        """One request, answers out until the caller, the stream's age or the drain ends it."""

        async def behaviour(data: bytes, context: Context) -> AsyncIterator[Any]:
            async with _Call(self, method, context) as call:
                call.take(enter(context))
                ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
                timer = self._watched(lambda why: None if ended.done() else ended.set_result(why))
                answers = handler.unary_stream(_whole(decode, data), context)
                coming: asyncio.Task[Any] | None = None
                try:
                    while True:
                        coming = asyncio.ensure_future(anext(answers, _OVER))
                        await asyncio.wait({coming, ended}, return_when=asyncio.FIRST_COMPLETED)
                        if not coming.done():
                            _gone(ended.result())
                        if (answer := coming.result()) is _OVER:
                            return
                        yield answer
                finally:
                    timer()
                    if coming is not None and not coming.done():
                        coming.cancel()
                        await asyncio.wait({coming})
                    await answers.aclose()

        return behaviour

    def _watched(self, end: Callable[[End], None]) -> Callable[[], None]:
        """`end` is told when the stream is old or the server drains; calling what this returns stops that."""
        age_s = self._config.max_stream_age_s * random.uniform(0.9, 1.1)
        timer = asyncio.get_running_loop().call_later(age_s, end, End.AGE)
        self._enders.add(end)

        def stop() -> None:
            timer.cancel()
            self._enders.discard(end)

        return stop

    def done(self, method: str, code: grpc.StatusCode, seconds: float) -> None:
        """A call is over."""
        if self._observe is not None:
            self._observe(method, code.name, seconds)


_OVER = object()


class _Call:
    """Around every handler: counts it, and turns what it raises into a status."""

    def __init__(self, guard: Guard, method: str, context: Context) -> None:
        self._guard, self._method, self._context = guard, method, context
        self._began = time.monotonic()
        self._share: str | None = None

    async def __aenter__(self) -> _Call:
        self._guard.running += 1
        return self

    def take(self, share: str) -> None:
        """It counts as this caller's; raises ResourceError where that one has too many."""
        self._guard.shares.take(share)
        self._share = share

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._guard.running -= 1
        if self._share is not None:
            self._guard.shares.give(self._share)
        code = grpc.StatusCode.OK
        try:
            if error is None or isinstance(error, grpc.aio.AbortError):
                return
            if isinstance(error, asyncio.CancelledError | GeneratorExit):
                code = grpc.StatusCode.CANCELLED
                return
            code, text, status = status_of(error)
            if code is grpc.StatusCode.INTERNAL:
                log.error("a call failed", kind=self._method, error=error)
            elif not isinstance(error, WinceError):
                log.warning("a call was refused", kind=self._method, error=error)
            else:
                log.info("a call was refused", kind=self._method, outcome=code.name, field=error.field)
            await self._context.abort(code, text, trailers(status))
        finally:
            self._guard.done(self._method, code, time.monotonic() - self._began)


def _gone(why: End | None) -> None:
    """Raises where a stream ended for a reason of ours: its client goes on with a new one."""
    remedy = "go on with a new stream; send again what was not answered"
    if why is End.AGE:
        raise Unavailable("the stream has reached its age", remedy=remedy, retry_after_s=0.001)
    if why is End.DRAIN:
        raise Unavailable("draining", remedy=remedy, retry_after_s=0.1)


def _decoder(handler: Any) -> Callable[[bytes], Any]:
    parse = handler.request_deserializer
    name = str(getattr(getattr(getattr(parse, "__self__", None), "DESCRIPTOR", None), "full_name", "request"))

    def decode(data: bytes) -> Any:
        try:
            message = parse(data)
        except DecodeError:
            raise MessageError(f"{len(data)} bytes that are no such message", field=name, remedy="check the client's version") from None
        arriving.check(message)
        return message

    return decode


def _whole(decode: Callable[[bytes], Any], data: bytes) -> Any:
    """A request that comes alone. Those of streams are pictures and what is read in them, whose one text, the source, is looked up."""
    storable(request := decode(data))
    return request


def _names(context: Context) -> list[str]:
    """Names in the client's certificate, which TLS has checked; none without mTLS."""
    found = context.auth_context()
    if b"ssl" not in found.get("transport_security_type", ()):
        return []
    names = [*found.get("x509_common_name", ()), *found.get("x509_subject_alternative_name", ())]
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names]
