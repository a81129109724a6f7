"""A push that nobody takes says where it tried, and what to look at."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wince.backoff import Backoff
from wince.clients.capture import Target, push
from wince.domain.frame import Frame
from wince.errors import ConfigError, Unavailable
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


@pytest.mark.parametrize(("told", "kept"), [(Path("told.pem"), None), (None, Path("kept.pem")), (Path("told.pem"), Path("kept.pem"))])
def test_tls_is_spoken_where_authorities_are_known(told: Path | None, kept: Path | None):
    """Else pictures and the token would go in the clear to a capture that speaks TLS, which answers nothing."""
    target = Target(("capture.example:7421",), ca=told)
    assert target.settings(RpcSettings(ca_file=kept)).ca_file == (told or kept)
    with pytest.raises(ConfigError, match="unencrypted"):
        Target(("capture.example:7421",)).settings(RpcSettings())
