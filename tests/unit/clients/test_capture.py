"""A push that nobody takes says where it tried, and what to look at."""

import socket
import threading
from collections.abc import Iterator

import pytest

from wince.backoff import Backoff
from wince.clients.capture import Target, push
from wince.domain.frame import Frame
from wince.errors import Unavailable
from wince.rpc.config import RpcSettings


def silent() -> Iterator[Frame]:
    """A camera that gives nothing and does not end."""
    threading.Event().wait(60)
    yield from ()


def test_an_address_where_nobody_listens_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wince.clients.capture.AGAIN", Backoff(0.001, 0.002))
    monkeypatch.setattr("wince.clients.capture.PATIENCE", 2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable) as error:
            push(Target((address,)), silent(), RpcSettings())
    assert error.value.field == f"--to {address}"
    assert "wince status" in error.value.remedy
