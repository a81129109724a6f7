"""What tests of cameras share: watching a live source on a thread, leases in memory, a runner that only takes."""

import itertools
import threading
import time
from collections.abc import Callable, Iterable

from wince.domain.frame import Beat, Frame
from wince.errors import Unavailable
from wince.pipeline.capture.interface import Source
from wince.pipeline.capture.live import LiveSource

WAIT_S = 60.0
"""Long enough for a machine that does much else."""


class Watched:
    """`with Watched(source) as seen:` collects messages; pixels are let go but of the last frame."""

    def __init__(self, source: LiveSource) -> None:
        self.source = source
        self.beats: list[Beat] = []
        self.times: list[int] = []
        self.sequences: list[int] = []
        self.last: Frame | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        for message in self.source:
            if isinstance(message, Frame):
                self.last = message
                self.times.append(message.time_us)
                self.sequences.append(message.sequence)
            else:
                self.beats.append(message)

    def __enter__(self) -> "Watched":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()
        self._thread.join(WAIT_S)

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, f"waited {WAIT_S} s for {what or condition}: {self.source.counters}"
            time.sleep(0.02)

    def check(self) -> None:
        """What holds of every live source, whatever it went through."""
        assert all(after > before for before, after in itertools.pairwise(self.times)), "times rise"
        assert all(after > before for before, after in itertools.pairwise(self.sequences)), "sequences rise"
        seconds = [beat.time_us for beat in self.beats if not beat.ended]
        assert all(after - before == 1_000_000 for before, after in itertools.pairwise(seconds)), "one beat a second"
        assert sum(beat.frames for beat in self.beats) <= len(self.times)


class Register:
    """Who owns what, for several replicas."""

    def __init__(self) -> None:
        self.owners: dict[str, str] = {}
        self.broken = False


class Leases:
    """One replica's."""

    def __init__(self, register: Register, me: str) -> None:
        self._register, self._me = register, me

    def acquire(self, source: str) -> object | None:
        if self._register.broken:
            raise Unavailable("no database")
        return self._me if self._register.owners.setdefault(source, self._me) == self._me else None

    def renew(self) -> list[str]:
        if self._register.broken:
            raise Unavailable("no database")
        return []

    def release(self, sources: Iterable[str]) -> None:
        for source in sources:
            if self._register.owners.get(source) == self._me:
                del self._register.owners[source]

    def owns(self, source: str) -> bool:
        return self._register.owners.get(source) == self._me


class Runner(threading.Thread):
    """Keeps what a source gives, until told to fail."""

    def __init__(self, source: Source) -> None:
        super().__init__(daemon=True)
        self.source = source
        self.messages: list[Frame | Beat] = []
        self.error: BaseException | None = None
        self.fail = threading.Event()

    def run(self) -> None:
        for message in self.source:
            self.messages.append(message)
            if self.fail.is_set():
                self.error = RuntimeError("the road is broken")
                self.source.close()
                return

    def stop(self) -> None:
        self.source.close()
