"""What each camera did, read when Prometheus asks: capture counts anyway, and nothing is counted twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Counted(Protocol):
    """Counters of one camera (`wince.pipeline.capture.live.Counters`); other threads write them meanwhile."""

    source: str
    pictures: int
    frames: int
    dropped: int
    late: int
    corrupt: int
    connects: int
    failures: Counter[str]
    queued: int


Cameras = Callable[[], Sequence[Counted]]
Key = TypeVar("Key")

COUNTERS: Mapping[str, tuple[str, Callable[[Counted], int]]] = {
    "wince_camera_pictures": ("Pictures received and decoded, before sampling", lambda one: one.pictures),
    "wince_camera_frames": ("Frames handed on", lambda one: one.frames),
    "wince_camera_dropped": ("Frames pushed out of the camera's own queue by newer ones", lambda one: one.dropped),
    "wince_camera_late": ("Frames that came after their second was spoken for", lambda one: one.late),
    "wince_camera_corrupt": ("Pictures withheld as damaged, or lost on the way here", lambda one: one.corrupt),
    "wince_camera_connects": ("Connections that gave at least one picture; pushes begun", lambda one: one.connects),
}
FAILURES = "wince_camera_failures"
QUEUED = "wince_camera_queued"


class CameraCollector(Collector):
    """Metrics of all cameras that are watched. Cameras whose id gives the same label are one line. Thread-safe."""

    def __init__(self, label: Callable[[object], str]) -> None:
        """`label`: what of a camera's id, or of a kind of failure, may be said."""
        self._label = label
        self._lock = threading.Lock()
        self._watched: list[Cameras] = []

    def watch(self, cameras: Cameras) -> Callable[[], None]:
        """From now on ask these, too; calling what this gives ends that."""
        with self._lock:
            self._watched.append(cameras)

        def end() -> None:
            with self._lock:
                if cameras in self._watched:
                    self._watched.remove(cameras)

        return end

    def describe(self) -> Iterable[Metric]:
        """The metrics without values; asks no camera."""
        return self._families(())

    def collect(self) -> Iterable[Metric]:
        """The metrics as they are now."""
        with self._lock:
            watched = tuple(self._watched)
        return self._families([one for cameras in watched for one in cameras()])

    def _families(self, counted: Sequence[Counted]) -> Iterator[Metric]:
        named = [(self._label(one.source), one) for one in counted]
        for name, (said, read) in COUNTERS.items():
            counter = CounterMetricFamily(name, said, labels=("source",))
            for source, value in _sums((source, read(one)) for source, one in named).items():
                counter.add_metric([source], value)
            yield counter
        failures = CounterMetricFamily(FAILURES, "Connections that failed or ended, by kind", labels=("source", "kind"))
        kinds = _sums(((source, self._label(kind)), count) for source, one in named for kind, count in dict(one.failures).items())
        for (source, kind), value in kinds.items():
            failures.add_metric([source, kind], value)
        yield failures
        queued = GaugeMetricFamily(QUEUED, "Frames that wait to be handed on", labels=("source",))
        for source, value in _sums((source, one.queued) for source, one in named).items():
            queued.add_metric([source], value)
        yield queued


def _sums(values: Iterable[tuple[Key, int]]) -> dict[Key, int]:
    found: dict[Key, int] = {}
    for key, value in values:
        found[key] = found.get(key, 0) + value
    return found
