"""Parts of the gRPC room that need no server."""

import asyncio
import threading

import grpc
import pytest

from wince import errors
from wince.domain.loopback import loopback
from wince.errors import ConfigError, MessageError
from wince.rpc import client
from wince.rpc.config import RpcSettings
from wince.rpc.errors import TimedOut
from wince.rpc.inbound import AHEAD, End, Inbound
from wince.rpc.requests import page_size, under
from wince.rpc.server import Workers
from wince.rpc.status import error_of, status_of, trailers


def test_page_sizes():
    assert [page_size(0), page_size(1), page_size(1000)] == [100, 1, 1000]
    with pytest.raises(MessageError):
        page_size(1001)


def test_paths_of_fields_grow_outwards():
    with pytest.raises(MessageError) as caught, under("a"), under("b[1]"):
        raise MessageError("m", field="c")
    assert caught.value.field == "a.b[1].c"


HERE, ELSEWHERE = ("127.0.0.1", "127.8.8.8", "::1", "localhost"), ("0.0.0.0", "::", "10.0.0.1", "localhost.example.org")


@pytest.mark.parametrize(("host", "is_one"), [*((host, True) for host in HERE), *((host, False) for host in ELSEWHERE)])
def test_what_is_loopback(host, is_one):
    assert loopback(host) is is_one


def test_an_error_of_another_wince_is_the_same_error_here():
    for error in (
        errors.MessageError("m", field="f", remedy="r"),
        errors.Refused("m", field="f", remedy="r"),
        errors.Unavailable("m", field="f", remedy="r", retry_after_s=1.5),
        errors.IntegrityError("m", field="f", remedy="r"),
    ):
        code, text, status = status_of(error)
        trailing = grpc.aio.Metadata(*trailers(status))
        assert list(trailing.keys()) == ["grpc-status-details-bin"]
        back = error_of(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, text))
        assert (type(back), back.message, back.field, back.remedy) == (type(error), "m", "f", "r")
        if isinstance(back, errors.Unavailable):
            assert back.retry_after_s == 1.5
    _, _, status = status_of(errors.MessageError("patient John"))
    for trailing in (trailers(status), (("grpc-status-details-bin", b"\xff"),)):
        other = error_of(grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), "another text"))
        assert "John" not in other.message  # the details are of another call
    foreign = error_of(grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, grpc.aio.Metadata(), grpc.aio.Metadata(), "patient John"))
    assert (type(foreign), "John" in foreign.message) == (errors.Unavailable, False)


def test_several_replicas_are_one_target():
    assert client.target_of(["dns:///detect:5000"]) == "dns:///detect:5000"
    assert client.target_of(["127.0.0.1:1", "10.0.0.2:2"]) == "ipv4:127.0.0.1:1,10.0.0.2:2"
    for wrong in ([], ["a:1", "b:2"]):
        with pytest.raises(ConfigError):
            client.target_of(wrong)


class Wire:
    """A stream's messages."""

    def __init__(self, messages: int) -> None:
        self.left, self.read_ = messages, 0
        self.silent = False

    async def read(self) -> object:
        await asyncio.sleep(0)
        if not self.left:
            if self.silent:
                await asyncio.sleep(60)
            return grpc.aio.EOF
        self.left -= 1
        self.read_ += 1
        return str(self.read_).encode()


def inbound(wire: Wire, idle_s: float = 30.0) -> Inbound[int]:
    return Inbound(wire.read, int, idle_s)


def test_requests_come_whole_in_order_and_no_further_ahead_than_allowed():
    async def drive() -> None:
        wire = Wire(50)
        requests = inbound(wire)
        await asyncio.sleep(0.05)
        assert wire.read_ == AHEAD
        assert [one async for one in requests] == list(range(1, 51))
        assert requests.ended is End.CLIENT
        requests.close()

    asyncio.run(drive())


@pytest.mark.parametrize("why", [End.AGE, End.DRAIN])
def test_a_stream_that_is_ended_gives_what_was_read_and_no_more(why):
    async def drive() -> None:
        wire = Wire(50)
        requests = inbound(wire)
        assert await anext(requests) == 1
        await asyncio.sleep(0.05)
        read = wire.read_
        requests.end(why)
        assert [one async for one in requests] == list(range(2, read + 1))
        assert requests.ended is why
        requests.close()

    asyncio.run(drive())


def test_silence_and_a_broken_wire_are_errors():
    async def drive() -> None:
        wire = Wire(1)
        wire.silent = True
        requests = inbound(wire, 0.05)
        assert await anext(requests) == 1
        with pytest.raises(TimedOut):
            await anext(requests)
        requests.close()

        async def broken() -> object:
            raise ConnectionError("gone")

        requests = Inbound(broken, int, 5.0)
        with pytest.raises(ConnectionError):
            await anext(requests)
        requests.close()

    asyncio.run(drive())


def test_work_is_done_once_on_every_thread():
    workers, seen = Workers(3, "t"), set[int]()
    workers.everywhere(lambda: seen.add(threading.get_ident()))
    assert len(seen) == 3
    with pytest.raises(MessageError):
        workers.everywhere(lambda: (_ for _ in ()).throw(MessageError("m")))
    assert asyncio.run(workers.run(lambda a, b: a + b, 1, 2)) == 3
    workers.close()


def test_half_of_a_pair_is_refused():
    from wince.rpc.config import check

    for settings in ({"tls_cert_file": "/c"}, {"client_key_file": "/k"}, {"tls_client_ca_file": "/ca"}):
        with pytest.raises(ConfigError):
            check(RpcSettings(**settings))
