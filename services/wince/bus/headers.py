"""What every record carries beside its value: schema (from the publisher), id, trace."""

from __future__ import annotations

import hashlib

from opentelemetry import trace


def headers(schema: str, trace: bytes = b"") -> dict[str, bytes]:
    """What a publisher says of a record: its schema, and the traceparent that goes on with it, where there is one."""
    return {"schema": schema.encode()} | ({"trace": trace} if trace else {})


def complete(topic: str, key: str, value: bytes, headers: dict[str, bytes] | None) -> dict[str, bytes]:
    """The headers with what is missing of id and trace.

    id: 32 hex digits of what the record says; the same message published twice has the same id.
    trace: W3C traceparent of the span that publishes; where there is none, one made of the id, not sampled.

        >>> complete("t", "camera-1", b"x", {"trace": b"mine"})["id"] == complete("t", "camera-1", b"x", None)["id"]
        True
    """
    found = dict(headers or {})
    if "id" in found and "trace" in found:
        return found
    digest = hashlib.sha256(b"\0".join((topic.encode(), key.encode(), value))).digest()
    found.setdefault("id", digest[:16].hex().encode())
    span = trace.get_current_span().get_span_context()
    if "trace" not in found and span.is_valid:
        found["trace"] = f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}".encode()
    found.setdefault("trace", f"00-{digest[:16].hex()}-{digest[16:24].hex()}-00".encode())
    return found
