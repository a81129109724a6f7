"""What a foreign client has: generated stubs, google.rpc, nothing of Wince's own client."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from wince.api.errors.v1 import errors_pb2
from wince.domain.reach import Find
from wince.rpc.auth import SignIn
from wince.rpc.config import RpcSettings
from wince.rpc.server import Registration, ServerThread


@contextmanager
def served(
    *registrations: Registration, find: Find | None = None, sign_in: SignIn | None = None, **settings: Any
) -> Iterator[ServerThread]:
    """A server on a free port of loopback."""
    with ServerThread(registrations, RpcSettings(**settings), find=find, sign_in=sign_in) as server:
        yield server


@contextmanager
def dialled(port: int, credentials: grpc.ChannelCredentials | None = None, **options: Any) -> Iterator[grpc.Channel]:
    """A plain channel."""
    made = [("grpc.enable_retries", 0), *((f"grpc.{name}", value) for name, value in options.items())]
    target = f"localhost:{port}"
    with grpc.secure_channel(target, credentials, made) if credentials else grpc.insecure_channel(target, made) as channel:
        yield channel


@dataclass
class Failure:
    """What a call came back with."""

    code: grpc.StatusCode
    text: str
    error: errors_pb2.Error
    fields: list[str]
    """Of google.rpc.BadRequest."""


def failure(error: grpc.RpcError) -> Failure:
    """Read the details that the status carries."""
    assert isinstance(error, grpc.Call)
    said, fields = errors_pb2.Error(), list[str]()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            assert status.message == error.details()
            for detail in status.details:
                bad = error_details_pb2.BadRequest()
                if detail.Is(errors_pb2.Error.DESCRIPTOR):
                    detail.Unpack(said)
                elif detail.Is(bad.DESCRIPTOR):
                    detail.Unpack(bad)
                    fields += [violation.field for violation in bad.field_violations]
    return Failure(error.code(), error.details() or "", said, fields)


def refused(call: Any, *arguments: Any, **named: Any) -> Failure:
    """The failure that a call must come back with."""
    with pytest.raises(grpc.RpcError) as caught:
        _whole(call(*arguments, timeout=20, **named))
    return failure(caught.value)


def _whole(answer: Any) -> None:
    """A stream's failure comes when it is read."""
    if hasattr(answer, "__iter__"):
        list(answer)
