"""One trace for each assessment, from its first frame to what was delivered of it; off until an exporter is set.

The trace's id is the assessment's id, so that one leads to the other, and services need not agree on anything else. It
travels in the bus header `trace` and in the outbox (W3C traceparent); a record without it still belongs to its trace. A span carries the
assessment's id, protocol, grade and reason: nothing of a patient, a bed or an encounter. Who sees frames before there is an assessment
knows its id all the same (windows.py); the trace's first span has the lower half of that id as its own, so that anybody can name it.

    with traces.span("record.commit", assessment, carried=record.headers.get("trace", b"")):
        ...

A stream of frames between two services lasts over many windows: it has a trace of its own, which travels in gRPC's metadata
(`traceparent`), with the stream's begin, end and failure and nothing else. The windows' spans link to it.

    with traces.stream("capture.stream") as parent:
        stub.DetectFaces(requests, metadata=traces.metadata(parent))
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import UUID

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, TraceFlags

from wince.domain.assessment import Assessment
from wince.version import VERSION

_PARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_LOW = (1 << 64) - 1


class Traces:
    """Where spans go. Thread-safe."""

    def __init__(self) -> None:
        self._provider: TracerProvider | None = None
        self._ids = _Ids()
        self._local = threading.local()

    @property
    def on(self) -> bool:
        """Whether spans are made."""
        return self._provider is not None

    def start(self, service: str, processor: SpanProcessor) -> None:
        """From now on spans are made and given to `processor`."""
        resource = Resource({"service.name": f"wince-{service}", "service.version": VERSION})
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)

    def stop(self) -> None:
        """Give out what waits; no span is made any more. Idempotent."""
        provider, self._provider = self._provider, None
        if provider is not None:
            provider.shutdown()

    @contextmanager
    def span(self, name: str, assessment: Assessment, *, carried: bytes = b"") -> Iterator[bytes]:
        """A span of the assessment's trace; gives the traceparent that what comes next must carry.

        `carried`: the traceparent that came with it; one of another trace, or none, is replaced by the trace's own beginning. What is
        raised inside ends the span as failed, with the error's type only.
        """
        attributes: dict[str, str | int] = {"wince.assessment": str(assessment.id), "wince.protocol": assessment.protocol}
        if assessment.grade is not None:
            attributes["wince.grade"] = assessment.grade
        if assessment.reason is not None:
            attributes["wince.reason"] = str(assessment.reason)
        with self.within(name, assessment.id, attributes, carried=carried) as parent:
            yield parent

    @contextmanager
    def within(
        self, name: str, assessment: UUID, attributes: Mapping[str, str | int] | None = None, *, carried: bytes = b""
    ) -> Iterator[bytes]:
        """The same where only the assessment's id is known."""
        one = self.begin(name, assessment, attributes or {"wince.assessment": str(assessment)}, carried=carried)
        if one is None:
            yield _traceparent(_parent(assessment, carried, sampled=False))
            return
        token = context.attach(trace.set_span_in_context(one))
        running: dict[UUID, bytes] = self._local.__dict__.setdefault("running", {})
        around, running[assessment] = running.get(assessment, b""), traceparent(one)
        try:
            yield traceparent(one)
        except BaseException as error:
            one.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            running[assessment] = around
            if not around:
                del running[assessment]
            context.detach(token)
            one.end()

    def parent(self, assessment: UUID) -> bytes:
        """The traceparent for what comes later of an assessment: that of its span that this thread is in, else of its trace's first; empty
        while spans are off."""
        if self._provider is None:
            return b""
        running: dict[UUID, bytes] = self._local.__dict__.get("running", {})
        return running.get(assessment) or _traceparent(_parent(assessment, b"", sampled=True))

    def begin(
        self,
        name: str,
        assessment: UUID,
        attributes: Mapping[str, str | int],
        *,
        carried: bytes = b"",
        first: bool = False,
        links: Sequence[str] = (),
    ) -> Span | None:
        """A span of the assessment's trace that the caller ends; None while spans are off. `first`: it is the trace's first one, under
        which all others hang that were carried nothing. `links`: traceparents of streams that it has to do with."""
        provider = self._provider
        if provider is None:
            return None
        around = context.Context()
        if not first:
            around = trace.set_span_in_context(NonRecordingSpan(_parent(assessment, carried, sampled=True)), around)
        to = [Link(found) for one in links if (found := remote(one)) is not None]
        with self._ids.given(assessment if first else None):
            tracer = provider.get_tracer("wince")
            return tracer.start_span(name, context=around, attributes=dict(attributes), links=to, record_exception=False)

    @contextmanager
    def stream(self, name: str, *, carried: str = "") -> Iterator[str]:
        """A span of one stream between two services; gives the traceparent that goes with it, "" while spans are off.

        `carried`: the traceparent that came with the stream; where it is none, a trace begins here. May be entered in a coroutine.
        """
        if self._provider is None:
            yield ""
            return
        parent, around = remote(carried), context.Context()
        if parent is not None:
            around = trace.set_span_in_context(NonRecordingSpan(parent), around)
        one = self._provider.get_tracer("wince").start_span(name, context=around, record_exception=False)
        try:
            yield traceparent(one).decode()
        except Exception as error:
            one.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            one.end()


class _Ids(RandomIdGenerator):
    """Random ids, but those of an assessment's first span, which are the assessment's own."""

    def __init__(self) -> None:
        self._local = threading.local()

    @contextmanager
    def given(self, assessment: UUID | None) -> Iterator[None]:
        """The next ids of this thread."""
        self._local.assessment = assessment
        try:
            yield
        finally:
            self._local.assessment = None

    def generate_trace_id(self) -> int:
        """See IdGenerator."""
        given: UUID | None = getattr(self._local, "assessment", None)
        return super().generate_trace_id() if given is None else given.int

    def generate_span_id(self) -> int:
        """See IdGenerator."""
        given: UUID | None = getattr(self._local, "assessment", None)
        return super().generate_span_id() if given is None else _first(given)


TRACES = Traces()
"""Of this process."""
span = TRACES.span
within = TRACES.within
parent = TRACES.parent
stream = TRACES.stream
METADATA = "traceparent"
"""The key in gRPC's metadata."""


def metadata(parent: str) -> tuple[tuple[str, str], ...]:
    """What goes with a call; nothing where there is no traceparent."""
    return ((METADATA, parent),) if parent else ()


def carried(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """The traceparent in a call's metadata; "" where there is none."""
    return next((str(value) for key, value in metadata or () if key == METADATA), "")


def console() -> SpanProcessor:
    """Spans as JSON on standard error, in batches, on a thread of its own."""
    return BatchSpanProcessor(ConsoleSpanExporter(out=sys.stderr))


def say(**attributes: str | int) -> None:
    """More attributes of the span that this thread is in: `wince.<name>`. Numbers, and words out of lists of our own."""
    trace.get_current_span().set_attributes({f"wince.{name}": value for name, value in attributes.items()})


def fail(kind: str) -> None:
    """The span that this thread is in has failed, in a word of our own."""
    trace.get_current_span().set_status(trace.StatusCode.ERROR, kind)


def of(carried: bytes) -> UUID | None:
    """The assessment whose trace a traceparent is of; None: it is none, or nobody keeps it (the bus gives each record one)."""
    match = _PARENT.fullmatch(carried)
    return None if match is None or not int(match[3], 16) & TraceFlags.SAMPLED else UUID(match[1].decode())


def traceparent(one: Span) -> bytes:
    """What goes on with a span."""
    return _traceparent(one.get_span_context())


def _first(assessment: UUID) -> int:
    return assessment.int & _LOW or 1


def _parent(assessment: UUID, carried: bytes, *, sampled: bool) -> SpanContext:
    match = _PARENT.fullmatch(carried)
    same = match is not None and int(match[1], 16) == assessment.int and int(match[2], 16)
    span_id = int(match[2], 16) if match is not None and same else _first(assessment)
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return SpanContext(assessment.int, span_id, is_remote=True, trace_flags=flags)


def remote(carried: str) -> SpanContext | None:
    """What a traceparent of any trace names; None: it is none."""
    match = _PARENT.fullmatch(carried.encode("ascii", "replace"))
    if match is None or not int(match[1], 16) or not int(match[2], 16):
        return None
    return SpanContext(int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=TraceFlags(int(match[3], 16)))


def _traceparent(found: SpanContext) -> bytes:
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}".encode()
