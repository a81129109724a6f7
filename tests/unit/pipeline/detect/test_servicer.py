"""DetectServicer's stream: it looks ahead while faces are on their way to the bus; answers wait for them, in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.pipeline.detect.fakes import LIMITS, Script, Someone, frame
from wince.api.detect.v1.detect_service_pb2 import DetectFacesRequest
from wince.codec.capture import beat_to_message
from wince.codec.frame import frame_to_message
from wince.domain.face import Face
from wince.domain.frame import US, Beat
from wince.errors import MessageError, Refused, Unavailable
from wince.pipeline.detect.servicer import DetectServicer
from wince.protocols.loader import load
from wince.rpc.errors import NotFound

NO_MODELS: Any = None
"""No frame is sent."""


class Context:
    """What the servicer asks of a call."""

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """None."""
        return ()


class Bus:
    """Takes what detect publishes; the test says when it will survive."""

    def __init__(self) -> None:
        self.taken: list[Future[None]] = []

    def publish(self, found: Sequence[Face | Beat]) -> "list[Future[None]]":
        """On a worker's thread."""
        made: list[Future[None]] = [Future() for _ in found]
        self.taken += made
        return made


def beat(second: int, source: str = "camera-1") -> DetectFacesRequest:
    """One second's."""
    return DetectFacesRequest(beat=beat_to_message(Beat(source, second * US, frames=0, dropped=0, corrupt=0)), publish=True)


async def requests(*all_of: DetectFacesRequest) -> AsyncIterator[DetectFacesRequest]:
    """A stream of them that stays open."""
    for one in all_of:
        yield one
    await asyncio.Event().wait()


async def until(condition, bus: Bus) -> None:
    """The workers are threads."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{len(bus.taken)} were published")


def stream(bus: Bus, *all_of: DetectFacesRequest) -> AsyncIterator:
    """A call's answers."""
    return DetectServicer(lambda _: NO_MODELS, {"activity": load("activity").detect}, publish=bus.publish).DetectFaces(
        requests(*all_of), Context()
    )


def test_the_next_is_looked_at_while_the_first_is_on_its_way_and_answers_wait_in_order():
    async def scene() -> None:
        bus = Bus()
        answers = stream(bus, beat(1), beat(2), beat(3))
        first = asyncio.ensure_future(anext(answers))
        await until(lambda: len(bus.taken) == 3, bus)
        bus.taken[1].set_result(None)
        await asyncio.sleep(0.05)
        assert not first.done(), "its own beat may still be lost"
        bus.taken[0].set_result(None)
        assert (await first).beat.time_us == 1 * US
        assert (await anext(answers)).beat.time_us == 2 * US
        await answers.aclose()

    asyncio.run(scene())


def test_what_was_good_before_a_bad_request_is_answered_first():
    async def scene() -> None:
        bus = Bus()
        answers = stream(bus, beat(1), beat(2, "camera-2"), beat(3))
        first = asyncio.ensure_future(anext(answers))
        await until(lambda: len(bus.taken) == 1, bus)
        bus.taken[0].set_result(None)
        assert (await first).beat.time_us == 1 * US
        with pytest.raises(MessageError, match="another than the stream's"):
            await anext(answers)

    asyncio.run(scene())


def test_what_the_bus_does_not_keep_is_not_answered():
    async def scene() -> None:
        bus = Bus()
        answers = stream(bus, beat(1), beat(2))
        first = asyncio.ensure_future(anext(answers))
        await until(lambda: len(bus.taken) == 2, bus)
        bus.taken[1].set_result(None)
        bus.taken[0].set_exception(Unavailable("the bus is closed"))
        with pytest.raises(Unavailable):
            await first

    asyncio.run(scene())


def test_no_more_than_its_bound_waits():
    async def scene() -> None:
        bus = Bus()
        answers = stream(bus, *(beat(second) for second in range(1, 100)))
        first = asyncio.ensure_future(anext(answers))
        await until(lambda: len(bus.taken) >= 18, bus)
        await asyncio.sleep(0.1)
        assert len(bus.taken) == 18, "one waits for its answer, sixteen behind it, one for its place"
        for future in list(bus.taken):
            future.set_result(None)
        await first
        await answers.aclose()

    asyncio.run(scene())


def test_what_is_published_goes_for_every_protocol_and_the_answer_is_the_first_s():
    """Two protocols that cut differently: two faces on the bus, one answer, which waits for both."""

    async def scene() -> None:
        bus, script = Bus(), Script([[Someone(100)]])
        limits = {"a": LIMITS, "b": replace(LIMITS, crop="padded")}
        asked = DetectFacesRequest(frame=frame_to_message(frame(0)), publish=True, protocols=["b", "a"])
        servicer = DetectServicer(lambda _: script.models(), limits, publish=bus.publish)
        answers = servicer.DetectFaces(requests(asked), Context())
        first = asyncio.ensure_future(anext(answers))
        await until(lambda: len(bus.taken) == 2, bus)
        bus.taken[0].set_result(None)
        await asyncio.sleep(0.05)
        assert not first.done(), "the other protocol's face may still be lost"
        bus.taken[1].set_result(None)
        assert list((await first).face.protocols) == ["b"]
        assert script.searches <= 2
        await answers.aclose()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("names", "error", "field"), [(["a", "Zzyzx^Patient"], NotFound, "protocols[1]"), (["a", "fast"], Refused, "protocols")]
)
def test_protocols_that_are_not_set_or_do_not_go_together_are_refused(names, error, field):
    """And what the caller sent is not quoted."""

    async def scene() -> None:
        limits = {"a": LIMITS, "fast": replace(LIMITS, rate_hz=10)}
        servicer = DetectServicer(lambda _: NO_MODELS, limits, publish=Bus().publish)
        request = beat(1)
        request.protocols.extend(names)
        with pytest.raises(error) as caught:
            await anext(servicer.DetectFaces(requests(request), Context()))
        assert caught.value.field == field
        assert "Zzyzx" not in str(caught.value)

    asyncio.run(scene())
