"""Every RPC of every service, given what no honest client sends: a named status each time, never the text of an unexpected error."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests.support.every_service import METHODS, every_service, multicallable
from tests.support.lawful import at, broken, lawful, named
from tests.support.odd_messages import odd
from tests.support.rpc import dialled, failure
from tests.support.statuses import documented


@pytest.fixture
def port(database, tmp_path) -> Iterator[int]:
    """All services on one server; the database is real."""
    with every_service(database, tmp_path, stream_idle_s=1.0, deadline_s=20.0) as port:
        yield port


def call(channel: grpc.Channel, method: MethodDescriptor, bodies: list[bytes], *, follow_s: float = 30) -> grpc.RpcError | None:
    """What the call came back with; None: nothing is wrong. `follow_s`: how long answers without end are read."""
    ask = multicallable(channel, method)
    try:
        limit_s = follow_s if method.server_streaming and not method.client_streaming else 30
        answer = ask(iter(bodies) if method.client_streaming else bodies[0], timeout=limit_s)
        for _ in answer if method.server_streaming else ():
            pass
    except grpc.RpcError as error:
        return error
    return None


@dataclass(frozen=True)
class _Text:
    """A place for text in a message."""

    path: tuple[FieldDescriptor, ...]

    @property
    def name(self) -> str:
        """As an answer names it."""
        last = self.path[-1]
        return named(self.path) + ("[0]" if last.is_repeated and last.message_type is None else "")

    def filled(self, kind: type[Message], text: str) -> bytes:
        """A message of this kind that keeps every rule but for this text."""
        message = lawful(kind.DESCRIPTOR, self.path[:-1])
        place, last = at(message, self.path[:-1]), self.path[-1]
        if last.message_type is not None:  # a map: its keys are text
            getattr(place, last.name)[text].SetInParent()
        elif last.is_repeated:
            getattr(place, last.name).append(text)
        else:
            setattr(place, last.name, text)
        return message.SerializeToString()


def texts(kind: Any, above: tuple[FieldDescriptor, ...] = ()) -> Iterator[_Text]:
    """Every text in a kind of message, at any depth."""
    for field in kind.fields:
        entry = field.message_type is not None and field.message_type.GetOptions().map_entry
        if field.type == FieldDescriptor.TYPE_STRING or entry:
            yield _Text((*above, field))
        elif field.message_type is not None:
            yield from texts(field.message_type, (*above, field))


def is_named(error: grpc.RpcError | None, method: MethodDescriptor, what: object) -> None:
    """Its status is one that the page says of this RPC, its details name the field, and its text quotes nothing."""
    if error is None:
        return
    found = failure(error)
    assert found.code in documented(method.containing_service.name, method.name) - {grpc.StatusCode.INTERNAL}, (what, found)
    if found.code is grpc.StatusCode.INVALID_ARGUMENT:
        assert found.fields, (what, found)
    for leak in ("Traceback", "Error(", "psycopg", "<class", ".py", "O'Hara"):
        assert leak not in found.text, (what, found)


@pytest.mark.timeout(300)
def test_every_rpc_names_what_is_wrong_with_noise_nothing_and_odd_values(port):
    dice = random.Random(7)
    with dialled(port) as channel:
        for method in METHODS:
            kind = GetMessageClass(method.input_type)
            noise = call(channel, method, [b"\xff\xfe" + dice.randbytes(300)])
            assert noise is not None, method.full_name
            assert failure(noise).code is grpc.StatusCode.INVALID_ARGUMENT, (method.full_name, failure(noise))
            is_named(call(channel, method, [b""], follow_s=0.5), method, "nothing")
            for _ in range(6):
                message = odd(kind(), dice)
                is_named(call(channel, method, [message.SerializeToString()], follow_s=0.5), method, message)
    assert len(METHODS) == 50


CONTROLS = ("\0", "a\0b", "\x01", "\t", "line\r\nline", "\x1b[2J", "\x7f", "\x85", "\u2028")


@pytest.mark.timeout(300)
def test_nul_and_control_characters_in_any_text_of_any_rpc_are_refused_by_name(port):
    asked = 0
    with dialled(port) as channel:
        for method in METHODS:
            kind = GetMessageClass(method.input_type)
            for place in texts(method.input_type):
                for text in CONTROLS:
                    error = call(channel, method, [place.filled(kind, text)], follow_s=5)
                    assert error is not None, (method.full_name, place.name, text)
                    found = failure(error)
                    assert found.code is grpc.StatusCode.INVALID_ARGUMENT, (method.full_name, place.name, text, found)
                    assert found.fields == [found.error.field] == [place.name], (method.full_name, place.name, found)
                    asked += 1
    assert asked > 300


@pytest.mark.timeout(300)
def test_every_rule_of_the_protos_is_kept_by_the_servers(port):
    """Each is broken once, over the wire, in a request that keeps all others: the answer names that field and quotes nothing."""
    asked = 0
    with dialled(port) as channel:
        for method in METHODS:
            for one in broken(method.input_type):
                error = call(channel, method, [one.message.SerializeToString()], follow_s=5)
                assert error is not None, (method.full_name, one.path, one.rule)
                found = failure(error)
                where = (method.full_name, one.path, one.rule, found)
                assert found.code is grpc.StatusCode.INVALID_ARGUMENT, where
                assert found.fields == [found.error.field] == [one.path], where
                assert found.error.message, where
                assert "a b/c" not in found.text, where
                asked += 1
    assert asked > 200
