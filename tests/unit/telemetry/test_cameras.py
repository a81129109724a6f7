"""What cameras did, as Prometheus is told: of every one that is watched, now, and under no name that is none of ours."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from wince.pipeline.capture.live import Counters
from wince.telemetry.cameras import CameraCollector
from wince.telemetry.metrics import label


def collected() -> tuple[CameraCollector, CollectorRegistry]:
    registry, collector = CollectorRegistry(), CameraCollector(label)
    registry.register(collector)
    return collector, registry


def counters(source: str, first: int) -> Counters:
    """Every count another."""
    one = Counters(source, *range(first, first + 6))
    one.queued = first + 6
    one.failures.update({"timeout": first + 7, "login": first + 8})
    return one


def test_every_count_under_its_name() -> None:
    collector, registry = collected()
    collector.watch(lambda: [counters("bed-1", 10)])
    names = ("pictures", "frames", "dropped", "late", "corrupt", "connects")
    found = [registry.get_sample_value(f"wince_camera_{name}_total", {"source": "bed-1"}) for name in names]
    assert found == [10, 11, 12, 13, 14, 15]
    assert registry.get_sample_value("wince_camera_queued", {"source": "bed-1"}) == 16
    for kind, times in {"timeout": 17, "login": 18}.items():
        assert registry.get_sample_value("wince_camera_failures_total", {"source": "bed-1", "kind": kind}) == times


def test_they_are_asked_at_each_scrape_until_told_otherwise() -> None:
    collector, registry = collected()
    assert registry.get_sample_value("wince_camera_frames_total", {"source": "bed-1"}) is None
    one = Counters("bed-1", frames=1)
    end = collector.watch(lambda: [one])
    other = collector.watch(lambda: [Counters("bed-2", frames=7)])
    one.frames = 5
    assert registry.get_sample_value("wince_camera_frames_total", {"source": "bed-1"}) == 5
    end()
    end()
    assert registry.get_sample_value("wince_camera_frames_total", {"source": "bed-1"}) is None
    assert registry.get_sample_value("wince_camera_frames_total", {"source": "bed-2"}) == 7
    other()
    assert b"source=" not in generate_latest(registry)


def test_ids_that_are_no_names_are_one_line() -> None:
    """Twice the same line is a page that Prometheus refuses."""
    collector, registry = collected()
    collector.watch(lambda: [counters("O'Hara^Mary", 10), counters("MRN:12/34", 100), counters("bed-1", 1)])
    page = generate_latest(registry).decode()
    assert "Hara" not in page
    assert "12/34" not in page
    lines = [line.rpartition(" ")[0] for line in page.splitlines() if not line.startswith("#")]
    assert len(lines) == len(set(lines)) == 2 * 9
    assert registry.get_sample_value("wince_camera_pictures_total", {"source": "other"}) == 110
    assert registry.get_sample_value("wince_camera_failures_total", {"source": "other", "kind": "login"}) == 126
