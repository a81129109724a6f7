"""What stands between the wire and every handler: who calls, bytes to messages, time limits, and every error as a status.

Handlers raise errors of the tree (wince/errors.py, wince/rpc/errors.py) and know nothing of gRPC's codes. What else they raise is
logged by type and place and told as "internal error".
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import grpc
from google.protobuf.message import DecodeError

from wince.codec import inbound as arriving
from wince.domain.reach import Find
from wince.errors import MessageError, ResourceError, Unavailable, WinceError
from wince.rpc.auth import Callers, set_caller
from wince.rpc.config import RpcSettings
from wince.rpc.entrance import HEADERS, Entrance, Metadata
from wince.rpc.errors import TimedOut
from wince.rpc.gate import Gate
from wince.rpc.inbound import CUT, End, Inbound, gone
from wince.rpc.shares import Shares
from wince.rpc.status import status_of, trailers
from wince.telemetry import logs

log = logs.get(__name__)

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
Enter = Callable[["Context"], Awaitable[tuple[Gate, str]]]
"""Lets a call in: what it may do, and whose share it takes."""
Decode = Callable[[Gate, bytes], Any]
Observer = Callable[[str, str, float], None]
"""Told at the end of every call: method ("/package.Service/Method"), status name, seconds."""

OPEN = "/grpc.health.v1.Health/"
"""Probes ask without a token."""
LOOK_S = 0.5
"""How often it is asked whether those who have streams may still have them."""
CUT_S = 2.0
"""How long a stream whose caller lost it waits for that caller to take what it was told last."""
WATCHERS = 32
"""Health's streams without a token that one address may have open: a probe has one."""


class Guard(grpc.aio.ServerInterceptor):
    """The one interceptor of a server."""

    def __init__(
        self,
        config: RpcSettings,
        callers: Callers,
        find: Find | None = None,
        slow: frozenset[str] = frozenset(),
        observe: Observer | None = None,
    ) -> None:
        """`find`: where cameras, beds and patients are, for callers that are bound; `slow`: methods with the longer deadline."""
        self._config, self._slow, self._observe = config, slow, observe
        self._entrance = Entrance(callers, config.proxies, find)
        self.shares = Shares(config.max_rpcs_per_caller, "rpc.max_rpcs_per_caller")
        self._watchers = Shares(WATCHERS, "grpc.health.v1.Health/Watch")
        self._streams: dict[Callable[[End], None], Callable[[], Awaitable[End | None]]] = {}
        """How each open stream is ended, and whether its caller still may have it."""
        self._watching: asyncio.Task[None] | None = None
        self.draining = False
        self.running = 0
        """Calls that run."""

    def drain(self) -> None:
        """No new calls; streams end after what they have read."""
        self.draining = True
        for end in tuple(self._streams):
            end(End.DRAIN)
        if self._watching is not None:
            self._watching.cancel()

    def begin(self) -> None:
        """From now on a stream ends when its caller may not have it any more."""
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    def failed(self) -> BaseException | None:
        """What ended the looking after open streams."""
        task = self._watching
        return task.exception() if task is not None and task.done() and not task.cancelled() else None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            for end, still in list(self._streams.items()):
                if (why := await still()) is not None:
                    end(why)

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]], details: grpc.HandlerCallDetails
    ) -> Handler:
        """See grpc.aio.ServerInterceptor."""
        handler = cast("Any", await continuation(details))
        metadata = [(key, str(value)) for key, value in details.invocation_metadata or () if key in HEADERS]
        if handler is None or details.method.startswith(OPEN):
            return cast(
                "Handler", handler if handler is None or not handler.response_streaming else self._watched_health(handler, metadata)
            )
        method, decode = details.method, _decoder(handler)

        async def enter(context: Context) -> tuple[Gate, str]:
            """Raises where this caller may not call this now."""
            if self.draining:
                raise Unavailable("draining", remedy="ask another replica, or again", retry_after_s=1.0)
            return await self._entrance.enter(method, metadata, context.peer(), _names(context))

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

    def _asked(self, method: str, handler: Any, decode: Decode, enter: Enter) -> Any:
        """One request, one answer."""
        limit_s = self._config.slow_deadline_s if method in self._slow else self._config.deadline_s

        async def behaviour(data: bytes, context: Context) -> Any:
            async with _Call(self, method, context) as call:
                try:
                    async with asyncio.timeout(limit_s):
                        gate = await call.enter(enter)
                        request = await _whole(gate, decode, data)
                        answer = await handler.unary_unary(request, context)
                        await gate.shown(answer)
                        return answer
                except TimeoutError:
                    raise TimedOut(f"not done within {limit_s:g} s", remedy="ask for less, or again later") from None

        return behaviour

    def _streamed(self, method: str, handler: Any, decode: Decode, enter: Enter) -> Any:
        """Requests in, answers out."""

        async def behaviour(_requests: object, context: Context) -> AsyncIterator[Any]:
            async with _Call(self, method, context) as call:
                gate = await call.enter(enter)
                requests = Inbound(cast("Any", context.read), functools.partial(decode, gate), self._config.stream_idle_s)
                answers = call.answers = handler.stream_stream(gate.each(requests), context)
                timer = self._watched(call, requests.end, functools.partial(self._entrance.still, gate))
                try:
                    async for answer in answers:
                        yield answer
                    gone(requests.ended)
                finally:
                    timer()
                    requests.close()
                    await answers.aclose()

        return behaviour

    def _watched_health(self, handler: Any, metadata: Metadata) -> Handler:
        """Health's stream, which is written by hand; nobody has shown a token."""

        async def behaviour(request: Any, context: Context) -> None:
            address = self._entrance.address(metadata, context.peer())
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

    def _told(self, method: str, handler: Any, decode: Decode, enter: Enter) -> Any:
        """One request, answers out until the caller, the stream's age or the drain ends it."""

        async def behaviour(data: bytes, context: Context) -> AsyncIterator[Any]:
            async with _Call(self, method, context) as call:
                gate = await call.enter(enter)
                request = await _whole(gate, decode, data)
                ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()
                still = functools.partial(self._entrance.still, gate)
                answers = call.answers = handler.unary_stream(request, context)
                timer = self._watched(call, lambda why: None if ended.done() else ended.set_result(why), still)
                coming: asyncio.Task[Any] | None = None
                try:
                    while True:
                        coming = asyncio.ensure_future(anext(answers, _OVER))
                        await asyncio.wait({coming, ended}, return_when=asyncio.FIRST_COMPLETED)
                        if ended.done() and (not coming.done() or ended.result() in CUT):
                            gone(ended.result())
                        if (answer := coming.result()) is _OVER:
                            return
                        if await gate.shown(answer):
                            yield answer
                finally:
                    timer()
                    if coming is not None and not coming.done():
                        coming.cancel()
                        await asyncio.wait({coming})
                    await answers.aclose()

        return behaviour

    def _watched(self, call: _Call, tell: Callable[[End], None], still: Callable[[], Awaitable[End | None]]) -> Callable[[], None]:
        """`tell` is told when the stream is old, the server drains, or `still` says why; calling what this returns stops that."""

        def end(why: End) -> None:
            tell(why)
            if why in CUT:
                call.cut()

        age_s = self._config.max_stream_age_s * random.uniform(0.9, 1.1)
        timer = asyncio.get_running_loop().call_later(age_s, end, End.AGE)
        self._streams[end] = still

        def stop() -> None:
            timer.cancel()
            self._streams.pop(end, None)

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
        self._counted = False
        self._left: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None
        self.answers: Any = None
        """Of a stream: what its handler says."""

    def cut(self) -> None:
        """The caller may not have it any more. One that reads nothing is not waited for: its handler ends, and it takes no place. It gets
        its status when it reads again, or its connection goes by its age."""
        if self._left is None:
            self._left = asyncio.get_running_loop().call_later(CUT_S, self._leave)

    def _leave(self) -> None:
        self._release()
        self._closing = asyncio.get_running_loop().create_task(self._close())

    async def _close(self) -> None:
        with suppress(RuntimeError):  # it runs: then the call ends by itself
            await self.answers.aclose()

    def _release(self) -> None:
        if self._counted:
            self._counted = False
            self._guard.running -= 1
        if self._share is not None:
            self._guard.shares.give(self._share)
            self._share = None

    async def __aenter__(self) -> _Call:
        self._guard.running += 1
        self._counted = True
        return self

    async def enter(self, enter: Enter) -> Gate:
        """Let it in: it counts as this caller's. Raises ResourceError where that one has too many, and what `enter` raises."""
        gate, share = await enter(self._context)
        set_caller(gate.who)
        self._guard.shares.take(share)
        self._share = share
        return gate

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._release()
        if self._left is not None:
            self._left.cancel()
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


def _decoder(handler: Any) -> Decode:
    parse = handler.request_deserializer
    name = str(getattr(getattr(getattr(parse, "__self__", None), "DESCRIPTOR", None), "full_name", "request"))

    def decode(gate: Gate, data: bytes) -> Any:
        try:
            message = parse(data)
        except DecodeError:
            raise MessageError(f"{len(data)} bytes that are no such message", field=name, remedy="check the client's version") from None
        gate.admit(message)
        arriving.check(message)
        return message

    return decode


async def _whole(gate: Gate, decode: Decode, data: bytes) -> Any:
    """A request that comes alone. Those of streams are pictures and what is read in them, whose one text, the source, is looked up."""
    request = decode(gate, data)
    await gate.reach(request)
    return request


def _names(context: Context) -> list[str]:
    """Names in the client's certificate, which TLS has checked; none without mTLS."""
    found = context.auth_context()
    if b"ssl" not in found.get("transport_security_type", ()):
        return []
    names = [*found.get("x509_common_name", ()), *found.get("x509_subject_alternative_name", ())]
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names]
