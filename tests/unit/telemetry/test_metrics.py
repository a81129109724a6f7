"""Metrics: each one is in the docs and the other way round, says what happened, and can carry no patient."""

from __future__ import annotations

import importlib
import pkgutil
import re
import urllib.request
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import generate_latest

from tests.unit.assess.report.synthetic import window
from wince import telemetry
from wince.domain.assessment import Alert, Question
from wince.domain.frame import US
from wince.domain.reason import Reason
from wince.errors import ResourceError
from wince.telemetry import metrics

DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference" / "metrics.md"


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def exposed() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Kind and labels of every metric, by the name that Prometheus sees."""
    for module in pkgutil.iter_modules(telemetry.__path__):
        importlib.import_module(f"{telemetry.__name__}.{module.name}")  # some have metrics of their own
    found = {}
    for collector in list(metrics.REGISTRY._collector_to_names):
        for family in collector.describe():
            labels = getattr(collector, "_labelnames", None) or getattr(family, "_labelnames", ())
            found[family.name + ("_total" if family.type == "counter" else "")] = (family.type, tuple(labels))
    return found


def test_docs_and_metrics_are_the_same() -> None:
    rows = re.findall(r"^\| `(wince_\w+)` \| (\w+) \| ([\w, ]*) ?\|", DOCS.read_text(), re.M)
    described = {name: (kind, tuple(one.strip() for one in labels.split(",") if one.strip())) for name, kind, labels in rows}
    assert described == exposed()


def test_what_the_examples_ask_for_exists() -> None:
    known = exposed()
    examples = "".join(DOCS.read_text().split("```")[1::2])
    names = set(re.findall(r"wince_\w+", examples))
    assert len(names) > 5
    for name in names:
        assert re.sub(r"_(bucket|sum|count)$", "", name) in known


def test_a_committed_batch_is_counted() -> None:
    """Latency from the window's end, by alert and by window; shares, reasons, time watched."""
    graded, dark = window(0, 2), window(5, None, Reason.DARK)
    alert = Alert(uuid4(), graded.id, "cam", "activity", US, 2 * US, 2, "high", 9.0)
    asked = Question(uuid4(), graded.id, "cam", "activity", US, 2 * US, Reason.UNCERTAIN)
    names = {
        "wince_alert_latency_seconds_count": {}, "wince_alert_latency_seconds_sum": {}, "wince_window_latency_seconds_count": {},
        "wince_windows_total": {"protocol": "activity", "outcome": "dark"}, "wince_bed_seconds_total": {"protocol": "activity"},
        "wince_alerts_total": {"protocol": "activity", "grade": "high"}, "wince_questions_total": {"reason": "uncertain"},
        "wince_assessable_share_count": {"protocol": "activity"},
    }  # fmt: skip
    before = {name: value(name, **labels) for name, labels in names.items()}
    metrics.committed([graded, dark], [alert], [asked], 12 * US)
    grown = {name: value(name, **labels) - before[name] for name, labels in names.items()}
    assert grown == {
        "wince_alert_latency_seconds_count": 1, "wince_alert_latency_seconds_sum": pytest.approx(7),
        "wince_window_latency_seconds_count": 2,
        "wince_windows_total": 1, "wince_bed_seconds_total": 10, "wince_alerts_total": 1, "wince_questions_total": 1,
        "wince_assessable_share_count": 2,
    }  # fmt: skip
    assert value("wince_alerts_per_bed_day") > 0
    metrics.committed([graded], [alert], [], 86_400 * US)
    assert value("wince_window_latency_seconds_count") == before["wince_window_latency_seconds_count"] + 2


def test_a_bed_is_watched_once_whoever_looks_on() -> None:
    """A shadow's windows are counted as that, and add nothing to the time watched, of which alerts are a rate."""
    shadow = replace(window(0, 2), protocol="other", shadow=True)
    labels = {"protocol": "other"}
    before = value("wince_windows_total", outcome="shadow", **labels)
    metrics.committed([shadow], [], [], 10 * US)
    assert value("wince_windows_total", outcome="shadow", **labels) == before + 1
    assert value("wince_bed_seconds_total", **labels) == value("wince_assessable_share_count", **labels) == 0.0


def test_what_waits_and_what_was_tried() -> None:
    metrics.backlog(questions=2, oldest_s=61.5)
    assert [value(f"wince_{name}") for name in ("questions_open", "question_oldest_seconds")] == [2, 61.5]
    metrics.outbox("ehr", waiting=3, behind_hold=4, dead=1, oldest_s=7.5, is_held=True)
    metrics.outbox("oru", waiting=5, behind_hold=0, dead=0, oldest_s=0.5, is_held=False)
    names = ("outbox_waiting", "outbox_held", "outbox_dead", "outbox_oldest_seconds", "target_held")
    assert [value(f"wince_{name}", target="ehr") for name in names] == [3, 4, 1, 7.5, 1]
    assert [value(f"wince_{name}", target="oru") for name in names] == [5, 0, 0, 0.5, 0]
    holds = value("wince_target_holds_total", target="ehr")
    metrics.held("ehr")
    assert value("wince_target_holds_total", target="ehr") == holds + 1
    before = value("wince_delivery_retries_total", target="ehr")
    metrics.delivered("ehr", "retry", again=True)
    metrics.delivered("ehr", "written", again=False)
    assert value("wince_delivery_retries_total", target="ehr") == before + 1
    metrics.consumed("record", 10 * US, 14 * US)
    assert value("wince_consumer_lag_seconds", group="record") == 4


def test_no_label_is_free_text() -> None:
    """A name, an identifier of another party, or a whole sentence becomes `other`."""
    for said in ("O'Hara^Mary", "MRN:12/34", "<b>", "x" * 65, "", "a\nb"):
        assert metrics.label(said) == "other"
    metrics.dropped("O'Hara^Mary", 1)
    metrics.unreadable("wince.estimates.v1")
    assert "Hara" not in generate_latest(metrics.REGISTRY).decode()


def test_the_page_is_on_this_machine_only_and_ends() -> None:
    page = metrics.MetricsPage(0)
    try:
        text = urllib.request.urlopen(f"http://127.0.0.1:{page.port}/metrics", timeout=10).read().decode()
        assert set(re.findall(r"^# TYPE (\w+)", text, re.M)) >= {"wince_alert_latency_seconds", "wince_windows_total"}
        with pytest.raises(ResourceError, match="in use"):
            metrics.MetricsPage(page.port)
        assert page.failed() is None
    finally:
        page.stop()
        page.stop()
    assert page.failed() is None
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{page.port}/metrics", timeout=10)


def test_a_page_whose_thread_is_gone_has_failed() -> None:
    page = metrics.MetricsPage(0)
    try:
        page._server.shutdown()
        page._thread.join(60)
        assert str(page.failed()) == "the metrics page ended although nobody asked it to"
    finally:
        page.stop()


def test_calls_by_method_and_status() -> None:
    """Of the method no package; what is none becomes `other`."""
    labels = {"method": "CareService.Pause", "status": "OK"}
    before = value("wince_rpc_calls_total", **labels)
    metrics.called("/wince.api.care.v1.CareService/Pause", "OK", 0.2)
    metrics.called("/wince.api.care.v1.CareService/Pause", "UNAVAILABLE", 0.3)
    metrics.called("/O'Hara/Mary^", "OK", 0.1)
    assert value("wince_rpc_calls_total", **labels) == before + 1
    assert value("wince_rpc_seconds_count", method="CareService.Pause") >= 2
    assert value("wince_rpc_calls_total", method="other", status="OK") >= 1
    assert "Hara" not in generate_latest(metrics.REGISTRY).decode()


def test_a_fault_is_asked_for_until_told_otherwise() -> None:
    said: list[str] = []
    end = metrics.ask_fault(lambda: said[-1] if said else None)
    assert value("wince_models_fault") == 0
    said.append("another member")
    assert value("wince_models_fault") == 1
    end()
    assert value("wince_models_fault") == 0
