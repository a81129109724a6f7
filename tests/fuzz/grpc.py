"""Calls of every RPC of every service, at real servers over a real database: messages spoilt in their values or in their bytes, and streams
that end early, go wrong later, or are never read.

Allowed: an answer; or a status that the protos say of this RPC, which is never INTERNAL or UNKNOWN, with our error in its details, a field
where the argument is wrong, and nothing of what was sent.
"""

from __future__ import annotations

import functools
import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from tests.conftest import reachable
from tests.fuzz.kafka import RIGHT
from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, admit, alert, question, stay, window
from tests.support.every_service import METHODS, RULES, every_service, multicallable
from tests.support.lawful import broken, lawful
from tests.support.odd_messages import odd, odd_value
from tests.support.rpc import dialled, failure
from tests.support.statuses import documented
from wince import codec
from wince.api.capture.v1 import capture_pb2
from wince.api.errors.v1 import errors_pb2
from wince.bus.topics import ESTIMATES, FACES
from wince.local.postgres.server import EmbeddedPostgres
from wince.pipeline.record.sink import PostgresSink
from wince.store.database import Database
from wince.store.migrate import migrate

NAME = "grpc"
SUITE = 500
SECRET = "Zzyzx^Patient"
FOLLOW_S = 0.1
"""How long answers that have no end are read."""
LONGEST_S = 60.0
"""How long an answer that has one may take on a machine that does much else; what a case costs is counted by its runner."""
TEXTS = (
    "", "?", SECRET, SECRET, "'; drop table entry; --", "\0", "a\nb", "\x1b[31m", "\u202e", "\ufffe", "x" * 257, "\U0001f600" * 3000,
    "00000000-0000-0000-0000-000000000000", "../../etc/passwd", CAMERA, CAMERA, BED, BED, "V1", "ICU", "activity", "start_us desc", "fake",
    str(window(0).id), str(window(3).id), str(question(window(1)).id), str(alert(window(2)).id), str(stay().id),
    f"rtsp://{SECRET}:pw@cam.example/1", "0" * 64, "999999999999999999999", "Bearer x", "1",
)  # fmt: skip
NOW_US = T0 + 600 * US
_KNOWN = {
    "assessment_id": tuple(str(window(number).id) for number in range(6)),
    "question_id": ("", str(question(window(1)).id)),
    "alert_id": (str(alert(window(2)).id),),
}
FITS: dict[str, tuple[str, ...]] = {
    **_KNOWN, "bed": (BED,), "encounter": ("V1",), "patient": ("M-V1",), "ward": ("ICU",), "source": (CAMERA, "cam-9"),
    "name": (BED, "ICU", "activity"),
    "nurse": ("n-7",),
    "reason": ("it rains",), "target": ("fake",), "protocol": ("activity",), "uri": ("rtsp://cam.example/1", ""),
}  # fmt: skip
"""By a field's name: what is there."""
IDS = (*(one for many in _KNOWN.values() for one in many), str(stay().id))
WRITTEN = ("Verdict", "Pause")
"""Whose ids their callers make."""
NESTED = functools.reduce(lambda inner, _: b"\x0a" + bytes([len(inner) & 0x7F]) + inner, range(200), b"")
NOISE = (
    b"", b"\0", b"\xff" * 50, b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 5000, b"\x0c", NESTED, b"\x08" + b"\x80" * 11, b"\x0a\x02\xc3\x28",
    b"{}", SECRET.encode(),
)  # fmt: skip
UNKNOWN = (b"\xc2\x3e\x05Zzyzx", b"\xc0\x3e\x01", b"\xc3\x3e" * 50 + b"\xc4\x3e" * 50, b"\xc9\x3e" + b"\xff" * 8)
"""Fields that no message has."""
QUOTED = ("Zzyzx", "drop table", "x" * 20, "passwd", "9" * 12, "\U0001f600")
"""Of what was sent, what no answer of ours says by itself."""
_RIGHT = [codec.encode(one) for topic in (FACES, ESTIMATES) for one in RIGHT[topic]]


@dataclass(frozen=True)
class Case:
    """A call. `read`: all of its answers, or "none" before it is cancelled; `waits`: the stream stays open behind its last message;
    `token`: which of the lists' own page tokens is forged into it, and where."""

    rpc: int
    bodies: tuple[bytes, ...]
    read: bool
    waits: bool
    token: tuple[int, int] | None


def case(chance: random.Random) -> Case:
    """A case of this seed."""
    rpc = chance.randrange(len(METHODS))
    method = METHODS[rpc]
    several = chance.choice([0, 1, 1, 2, 2, 3, 8]) if method.client_streaming else 1
    bodies = []
    for place in range(several):
        whole = place == 0 and several > 1 and chance.random() < 0.8
        message = _lawful(method.input_type, chance) if whole else _message(method.input_type, chance)
        raw = message.SerializeToString()
        bodies.append(raw if whole or chance.random() < 0.6 else _bytes(raw, chance))
    token = (chance.randrange(100), chance.randrange(200)) if "page_token" in method.input_type.fields_by_name else None
    return Case(
        rpc,
        tuple(bodies),
        read=chance.random() < 0.95,
        waits=method.client_streaming and chance.random() < 0.05,
        token=token if chance.random() < 0.4 else None,
    )


def _lawful(kind: Any, chance: random.Random) -> Message:
    """A message that keeps every rule, some with what other stages really send."""
    message: Any = lawful(kind)
    fits = [one for one in kind.fields if one.message_type is not None and _taken(one.message_type.full_name)]
    if fits:
        field = chance.choice(fits)
        place = getattr(message, field.name)
        (place.add() if field.is_repeated else place).ParseFromString(chance.choice(_taken(field.message_type.full_name)))
    return message


def _fit(message: Any, chance: random.Random) -> Message:
    """What the message names is there, and its times are near."""
    for field in message.DESCRIPTOR.fields:
        if field.is_repeated:
            continue
        if field.message_type is not None:
            if message.HasField(field.name):
                _fit(getattr(message, field.name), chance)
        elif field.name.endswith("_us") and field.cpp_type == field.CPPTYPE_INT64:
            setattr(message, field.name, NOW_US + chance.randint(-20, 20) * US + (30 * US if field.name == "end_us" else 0))
        elif field.name in FITS and field.type == field.TYPE_STRING and (not field.containing_oneof or message.HasField(field.name)):
            setattr(message, field.name, chance.choice(FITS[field.name]))
        elif field.name == "id" and field.type == field.TYPE_STRING:
            message.id = str(UUID(int=chance.getrandbits(128), version=4)) if message.DESCRIPTOR.name in WRITTEN else chance.choice(IDS)
    return message


@functools.cache
def _taken(schema: str) -> list[bytes]:
    """Real messages of a kind."""
    found = [raw for name, raw in _RIGHT if name == schema]
    if schema == capture_pb2.Frame.DESCRIPTOR.full_name:
        faces = [one for one in RIGHT[FACES] if getattr(one, "crop", b"")]
        found += [capture_pb2.Frame(source=CAMERA, width=16, height=16, jpeg=one.crop).SerializeToString() for one in faces]
    return found


def _message(kind: Any, chance: random.Random) -> Message:
    how = chance.random()
    if how < 0.25:
        return odd(GetMessageClass(kind)(), chance, TEXTS)
    if how < 0.4 and (wrong := _broken(kind.full_name)):
        return chance.choice(wrong)
    message = _lawful(kind, chance)
    if chance.random() < 0.6:
        _fit(message, chance)
    for _ in range(chance.choice([0, 1, 1, 2, 4])):
        _spoil(message, chance)
    return message


@functools.cache
def _broken(name: str) -> list[Message]:
    kind = next(one.input_type for one in METHODS if one.input_type.full_name == name)
    return [one.message for one in broken(kind)]


def _spoil(message: Any, chance: random.Random) -> None:
    """One field somewhere within is another value of its type, or gone."""
    if not message.DESCRIPTOR.fields:
        return
    field = chance.choice(message.DESCRIPTOR.fields)
    if chance.random() < 0.1:
        message.ClearField(field.name)
    elif field.message_type is not None and field.message_type.GetOptions().map_entry:
        odd(message, chance, TEXTS, 1)
    elif field.message_type is not None:
        inner = getattr(message, field.name)
        if field.is_repeated:
            inner = inner.add()
        inner.SetInParent()
        _spoil(inner, chance)
    elif field.is_repeated:
        getattr(message, field.name).extend(odd_value(field, chance, TEXTS) for _ in range(chance.choice([1, 300])))
    else:
        setattr(message, field.name, odd_value(field, chance, TEXTS))


def _bytes(raw: bytes, chance: random.Random) -> bytes:
    """What no library writes."""
    at = chance.randrange(len(raw) + 1)
    return chance.choice(
        [
            lambda: chance.choice(NOISE),
            lambda: chance.randbytes(chance.choice([1, 7, 60, 3000])),
            lambda: raw[:at],
            lambda: raw[at:],
            lambda: raw[:at] + chance.randbytes(3) + raw[at:],
            lambda: raw + raw,
            lambda: raw + chance.choice(UNKNOWN),
            lambda: raw + chance.choice(NOISE),
            lambda: raw + b"\xc2\x3e\x80\x80\x80\x01" + bytes(2 << 20) if chance.random() < 0.1 else b"\x0a",
        ]
    )()


@dataclass
class World:
    """Where calls go."""

    channel: grpc.Channel
    tokens: list[str]
    """Page tokens that lists really answered."""


@contextmanager
def world() -> Iterator[World]:
    """Servers over a database with a patient, windows, an alert, a question, and what is delivered of them."""
    with ExitStack() as stack:
        server = stack.enter_context(EmbeddedPostgres(stack.enter_context(reachable())))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(Database(server.dsn()))
        migrate(database)
        admit(database, stay())
        windows = [window(number, number % 3) for number in range(6)]
        PostgresSink(database, {"activity": RULES}, [FakeTarget()]).commit([*windows, alert(windows[2]), question(windows[1])])
        port = stack.enter_context(every_service(database, folder, lambda: NOW_US, stream_idle_s=0.2, deadline_s=30.0))
        channel = stack.enter_context(dialled(port))
        yield World(channel, list(_tokens(channel)))


def _tokens(channel: grpc.Channel) -> Iterator[str]:
    for method in METHODS:
        if "page_token" in method.input_type.fields_by_name:
            request = lawful(method.input_type)
            request.page_size = 1
            answer: Any = GetMessageClass(method.output_type)()
            try:
                answer.ParseFromString(multicallable(channel, method)(request.SerializeToString(), timeout=LONGEST_S))
            except grpc.RpcError:  # it asks for more than its rules say
                continue
            if answer.next_page_token:
                yield answer.next_page_token


def check(one: Case, world: World) -> None:
    """Raises AssertionError for what may not be."""
    method = METHODS[one.rpc]
    bodies = [_forged(method.input_type, raw, one.token, world.tokens) for raw in one.bodies] if one.token else list(one.bodies)
    endless = method.server_streaming and not method.client_streaming
    error = _called(multicallable(world.channel, method), method, bodies, one, FOLLOW_S if endless else LONGEST_S)
    if error is None or (endless and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED):
        return
    told = failure(error)
    where = f"{method.name}: {told.code.name} {told.text!r}"
    said = repr((told, error.trailing_metadata(), error.initial_metadata()))
    assert not [text for text in QUOTED if text in said], f"{where}: quotes what came"
    if told.code is grpc.StatusCode.RESOURCE_EXHAUSTED and max(map(len, bodies)) > 1 << 20:
        return  # the library refuses what is longer than the server takes
    assert told.code in _documented(method.containing_service.name, method.name), where
    assert told.error.message, f"{where}: no details"
    assert told.error.message.isprintable(), where
    assert told.error.reason != errors_pb2.ERROR_REASON_STORE, f"{where}: a caller's fault told as the database's"
    if told.code is grpc.StatusCode.INVALID_ARGUMENT:
        assert told.error.field, f"{where}: names no field"
        assert told.fields == [told.error.field], where


@functools.cache
def _documented(service: str, method: str) -> set[grpc.StatusCode]:
    return documented(service, method) - {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}


def _called(ask: Any, method: Any, bodies: list[bytes], one: Case, limit_s: float) -> Any:
    """The error that a call came back with; None: there is none, or nobody waited for it."""
    ended = threading.Event()

    def asked() -> Iterator[bytes]:
        yield from bodies
        if one.waits:
            ended.wait(LONGEST_S)

    given = asked() if method.client_streaming else bodies[0]
    try:
        if not method.server_streaming:
            ask(given, timeout=limit_s)
            return None
        answers = ask(given, timeout=limit_s)
        if one.read:
            for _ in answers:
                pass
        else:
            answers.cancel()
    except grpc.RpcError as error:
        return error
    finally:
        ended.set()
    return None


def _forged(kind: Any, raw: bytes, how: tuple[int, int], tokens: list[str]) -> bytes:
    """The message with a list's own token, right or spoilt."""
    message: Any = GetMessageClass(kind)()
    try:
        message.ParseFromString(raw)
    except DecodeError:
        return raw
    token, at = tokens[how[0] % len(tokens)], how[1]
    spoilt = (token, token[: at % len(token)], token + "=", token[::-1], token[: at % len(token)] + "-_" + token[at % len(token) + 2 :])
    message.page_token = spoilt[at % len(spoilt)]
    return bytes(message.SerializeToString())
