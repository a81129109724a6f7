"""One trace for each assessment, from the window that closed to what was written of it; off until an exporter is set.

The trace's id is the assessment's id, so that whoever knows one finds the other, and services need not agree on anything else. It
travels in the bus header `trace` (W3C traceparent); a record without it still belongs to its trace. A span carries the assessment's
id, protocol, grade and reason: nothing of a patient, a bed or an encounter.

    with traces.span("record.commit", assessment, carried=record.headers.get("trace", b"")):
        ...

A stream of frames belongs to no assessment yet: it has a trace of its own, which travels in gRPC's metadata (`traceparent`), with the
stream's begin, end and failure and nothing else. Nothing joins it to the assessments that come of it.

    with traces.stream("capture.stream") as parent:
        stub.DetectFaces(requests, metadata=traces.metadata(parent))
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from wince.domain.assessment import Assessment
from wince.version import VERSION

_PARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_LOW = (1 << 64) - 1


class Traces:
    """Where spans go. Thread-safe."""

    def __init__(self) -> None:
        self._provider: TracerProvider | None = None

    def start(self, service: str, processor: SpanProcessor) -> None:
        """From now on spans are made and given to `processor`."""
        self._provider = TracerProvider(resource=Resource({"service.name": f"wince-{service}", "service.version": VERSION}))
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
        parent = _parent(assessment, carried, sampled=self._provider is not None)
        if self._provider is None:
            yield _traceparent(parent)
            return
        attributes: dict[str, str | int] = {"wince.assessment": str(assessment.id), "wince.protocol": assessment.protocol}
        if assessment.grade is not None:
            attributes["wince.grade"] = assessment.grade
        if assessment.reason is not None:
            attributes["wince.reason"] = str(assessment.reason)
        around = trace.set_span_in_context(NonRecordingSpan(parent))
        one = self._provider.get_tracer("wince").start_span(name, context=around, attributes=attributes, record_exception=False)
        token = context.attach(trace.set_span_in_context(one))
        try:
            yield _traceparent(one.get_span_context())
        except BaseException as error:
            one.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            context.detach(token)
            one.end()


    @contextmanager
    def stream(self, name: str, *, carried: str = "") -> Iterator[str]:
        """A span of one stream between two services; gives the traceparent that goes with it, "" while spans are off.

        `carried`: the traceparent that came with the stream; where it is none, a trace begins here. May be entered in a coroutine.
        """
        if self._provider is None:
            yield ""
            return
        match = _PARENT.fullmatch(carried.encode("ascii", "replace"))
        around = context.Context()
        if match is not None and int(match[1], 16) and int(match[2], 16):
            flags = TraceFlags(int(match[3], 16))
            parent = SpanContext(int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=flags)
            around = trace.set_span_in_context(NonRecordingSpan(parent), around)
        one = self._provider.get_tracer("wince").start_span(name, context=around, record_exception=False)
        try:
            yield _traceparent(one.get_span_context()).decode()
        except Exception as error:
            one.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            one.end()


TRACES = Traces()
"""Of this process."""
span = TRACES.span
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


def _parent(assessment: Assessment, carried: bytes, *, sampled: bool) -> SpanContext:
    match = _PARENT.fullmatch(carried)
    if match is not None and int(match[1], 16) == assessment.id.int and int(match[2], 16):
        span_id = int(match[2], 16)
    else:
        span_id = assessment.id.int & _LOW or 1
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return SpanContext(assessment.id.int, span_id, is_remote=True, trace_flags=flags)


def _traceparent(found: SpanContext) -> bytes:
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}".encode()
