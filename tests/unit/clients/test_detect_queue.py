"""What waits for detect: order, bounds, what is dropped and told, what goes again."""

import numpy as np

from wince.clients.detect_queue import BEATS, EXACT, IN_FLIGHT, Waiting
from wince.domain.frame import US, Beat, Frame
from wince.rpc.config import RpcSettings
from wince.serve.capture import near

PIXELS = np.zeros((16, 16, 3), np.uint8)


def frame(number: int) -> Frame:
    return Frame("c", number, number * US // 5, PIXELS)


def beat(second: int, frames: int = 5) -> Beat:
    return Beat("c", second * US, frames, 0, 0)


def drain(waiting: Waiting, generation: int, count: int) -> list:
    taken = [waiting.take(generation) for _ in range(count)]
    return [one.frame.sequence if one.WhichOneof("item") == "frame" else (one.beat.time_us // US, one.beat.frames, one.beat.dropped)
            for one in taken]  # fmt: skip


def test_the_oldest_frame_goes_and_its_beat_tells_it():
    """Also where its beat comes only later; beats are never dropped for frames."""
    waiting = Waiting(3, lossless=False)
    for number in range(5):
        assert waiting.put(frame(number))
    waiting.put(beat(1))
    for number in range(5, 7):
        waiting.put(frame(number))
    waiting.put(beat(2, 2))
    assert waiting.dropped == 4
    assert drain(waiting, waiting.begin(), 5) == [4, (1, 1, 4), 5, 6, (2, 2, 0)]


def test_what_has_no_answer_goes_again_first():
    """On the next stream, in order; an answered one does not."""
    waiting = Waiting(9, lossless=False)
    for number in range(4):
        waiting.put(frame(number))
    first = waiting.begin()
    assert drain(waiting, first, 3) == [0, 1, 2]
    waiting.answered()
    second = waiting.begin()
    assert waiting.take(first) is None
    assert drain(waiting, second, 3) == [1, 2, 3]


def test_a_file_waits_instead():
    """put says that there was no room; nothing is lost."""
    waiting = Waiting(2, lossless=True)
    assert waiting.put(frame(0))
    assert waiting.put(frame(1))
    assert not waiting.put(frame(2), timeout_s=0.01)
    assert drain(waiting, waiting.begin(), 2) == [0, 1]
    assert waiting.put(frame(2))
    assert waiting.dropped == 0


def test_done_when_everything_is_answered():
    """Not before; then the stream ends."""
    waiting = Waiting(9, lossless=False)
    waiting.put(frame(0))
    generation = waiting.begin()
    waiting.close()
    assert drain(waiting, generation, 1) == [0]
    assert waiting.take(generation) is None
    assert not waiting.done()
    waiting.answered()
    assert waiting.done()


def test_memory_is_bounded_while_detect_is_away():
    """Hours of beats and frames: an hour of beats stays, a few frames."""
    waiting = Waiting(3, lossless=False)
    for second in range(BEATS + 500):
        waiting.put(frame(5 * second))
        waiting.put(beat(second + 1, 1))
    assert waiting.dropped == BEATS + 500 - 3
    assert len(waiting._queue) == BEATS + 3
    assert IN_FLIGHT < BEATS


def kinds(waiting: Waiting, generation: int, count: int) -> list:
    return [waiting.take(generation).frame.WhichOneof("picture") for _ in range(count)]


def test_on_one_machine_frames_go_as_they_are_until_detect_is_behind():
    """Then as JPEG, so that what waits stays small; also those count that were sent and have no answer."""
    waiting = Waiting(25, lossless=False, exact=True)
    for number in range(3):
        waiting.put(frame(number))
    generation = waiting.begin()
    assert kinds(waiting, generation, 3) == ["rgb"] * 3
    for number in range(3, EXACT + 2):
        waiting.put(frame(number))
    assert kinds(waiting, generation, EXACT - 1) == ["rgb"] * (EXACT - 3) + ["jpeg"] * 2
    for _ in range(EXACT + 2):
        waiting.answered()
    waiting.put(frame(99))
    assert kinds(waiting, generation, 1) == ["rgb"]


def test_a_large_frame_is_always_a_jpeg():
    """One of 1920 x 1080 takes 6 MB."""
    waiting = Waiting(25, lossless=False, exact=True)
    waiting.put(Frame("c", 0, 0, np.zeros((1080, 1920, 3), np.uint8)))
    assert kinds(waiting, waiting.begin(), 1) == ["jpeg"]


def test_a_file_waits_until_its_frame_may_go_as_it_is():
    """A replay is exact on one machine, however far detect is behind."""
    waiting = Waiting(25, lossless=True, exact=True)
    for number in range(EXACT):
        assert waiting.put(frame(number))
    assert not waiting.put(frame(EXACT), timeout_s=0.01)
    generation = waiting.begin()
    assert kinds(waiting, generation, 1) == ["rgb"]
    assert not waiting.put(frame(EXACT), timeout_s=0.01), "sent, not answered"
    waiting.answered()
    assert waiting.put(frame(EXACT))
    assert kinds(waiting, generation, EXACT) == ["rgb"] * EXACT


def test_elsewhere_frames_are_jpegs():
    """The default: what goes over a network is small."""
    waiting = Waiting(9, lossless=False)
    waiting.put(frame(0))
    assert kinds(waiting, waiting.begin(), 1) == ["jpeg"]


def test_near_is_this_machine_in_the_clear(tmp_path):
    """With TLS a frame would be encrypted; a name that is not this machine's is another."""
    assert near(["127.0.0.1:7422", "localhost:7422", "[::1]:7422"], RpcSettings())
    assert not near(["127.0.0.1:7422", "detect.icu.example:7422"], RpcSettings())
    assert not near(["127.0.0.1:7422"], RpcSettings(ca_file=tmp_path / "ca.pem"))
