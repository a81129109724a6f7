"""Names, record numbers and birth dates of the patients of a whole run stand in no metric, trace, log line, topic, key or header."""

from __future__ import annotations

import logging

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest

from tests.face_models import fetched
from tests.support.telling import told
from wince.bus import topics
from wince.bus.memory import MemoryBus
from wince.demo import play, scenario
from wince.errors import WinceError
from wince.pipeline.capture.live import Counters
from wince.settings import Settings
from wince.telemetry import logs, metrics
from wince.telemetry.traces import TRACES

AT = "2026-01-05T08:00:00Z"


@pytest.fixture
def spans():
    kept = InMemorySpanExporter()
    TRACES.start("test", SimpleSpanProcessor(kept))
    yield kept
    TRACES.stop()


def secrets() -> set[str]:
    """Everything that tells who the patients are, as it could stand somewhere."""
    found = set()
    for patient in scenario.PATIENTS:
        born = patient.birth_date
        found |= {patient.family, patient.given, patient.mrn, born.isoformat(), born.strftime("%Y%m%d"), born.strftime("%d.%m.%Y")}
    return found


def test_nothing_tells_who_they_are(state_dir, spans, capfd, monkeypatch):
    """The whole road with everything that is said recorded, at the chattiest level; then errors in which names are put."""
    fetched()
    published: list[str] = []
    publish = MemoryBus.publish

    def recorded(self, topic, key, value, headers=None):
        published.append(f"{topic} {key} {headers}")
        return publish(self, topic, key, value, headers)

    monkeypatch.setattr(MemoryBus, "publish", recorded)
    logs.configure("debug", json=True)
    try:
        whole = scenario.bundled()
        done = play.play(Settings(state_dir=state_dir / "state"), scenario.Scenario(whole.beds[:1]), play.moment(AT), lambda *_: None)
        assert done.observations > 0
        log = logs.get("wince.test")
        for secret in sorted(secrets()):
            log.error("failed", error=ValueError(secret), patient=secret, name=secret)
            log.error("failed", error=WinceError("broken"), text=secret)
            logging.getLogger("httpx").warning("GET /Patient?name=%s", secret)
            metrics.dropped(f"{secret}^^^HOSP", 1)
            metrics.called(f"/wince.api/{secret}^^^HOSP", "OK", 0.1)
        end = metrics.CAMERAS.watch(lambda: [Counters(f"{secret}^^^HOSP", pictures=1) for secret in secrets()])
        page = generate_latest(metrics.REGISTRY).decode()
        end()
    finally:
        logs.configure("warning", json=False)
    said = capfd.readouterr()
    places = {
        "metrics": page,
        "traces": "".join(one.to_json() for one in spans.get_finished_spans()),
        "logs": said.err + said.out,
        "bus": "\n".join(published),
        "topics": "\n".join(map(str, topics.ALL)),
    }
    assert all(places.values())
    assert "record.commit" in places["traces"]
    assert "wince_alerts_total{" in places["metrics"]
    assert "wince_camera_pictures_total{" in places["metrics"]
    assert {place: found for place, text in places.items() if (found := told(text, secrets()))} == {}
