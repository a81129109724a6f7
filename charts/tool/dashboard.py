"""The dashboard for Grafana, files/dashboard.json of the chart, made from a short list of panels.

By hand would be 1,500 lines in which nobody finds a query. Its data source and the namespace are variables, so that it can be loaded into
any Grafana.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path("files/dashboard.json")
SCHEMA = 41
"""Of Grafana 12; older ones ignore what they don't know."""
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, HEIGHT = 24, 7
"""Grafana's grid: columns of a row, lines of a graph."""
RATE = "[$__rate_interval]"


@dataclass(frozen=True)
class Panel:
    """A graph, or a number."""

    title: str
    about: str
    """What a reader sees there, and what is good."""
    unit: str
    """As Grafana names it: s, percentunit, short, bytes, none."""
    queries: tuple[tuple[str, str], ...]
    """PromQL, and what a line is called."""
    limit: float | None = None
    """From here on it is red."""
    stat: bool = False
    """A number instead of a graph."""


def one(title: str, about: str, unit: str, query: str, limit: float | None = None) -> Panel:
    """A number of the first row."""
    return Panel(title, about, unit, ((query, title),), limit, stat=True)


def graph(title: str, about: str, unit: str, *queries: tuple[str, str], limit: float | None = None) -> Panel:
    """A graph over time."""
    return Panel(title, about, unit, queries, limit)


def quantile(share: float, metric: str, by: str = "") -> str:
    """The value below which this share of a histogram's observations lies."""
    return f"histogram_quantile({share}, sum by (le{by}) (rate({metric}_bucket{RATE})))"


ROWS: dict[str, tuple[Panel, ...]] = {
    "Now": (
        one("Not ready", "Replicas that run and do no work.", "none", "count(wince_ready == 0) or vector(0)", 1),
        one("Alert latency", "95 of 100 alerts take less; the aim is 3 s.", "s", quantile(0.95, "wince_alert_latency_seconds"), 10),
        one("Oldest question", "How long a question about a patient waits for a nurse.", "s", "max(wince_question_oldest_seconds)", 900),
        one("Held targets", "Targets to which nothing is written.", "none", "sum(max by (target) (wince_target_held))", 1),
        one("Dead letters", "Entries that were refused for good.", "none", "sum(max by (target) (wince_outbox_dead))", 1),
        one("Doubtful beds", "It is not sure who lies there: nothing is charted.", "none",
            "sum(max by (cause) (wince_beds_doubtful)) or vector(0)", 1),
        one("Unsigned", "Age of the oldest audit row behind the last checkpoint.", "s", "max(wince_audit_unsigned_oldest_seconds)", 300),
        one("Models' fault", "1: nothing is scored on the inference server.", "none", "max(wince_models_fault)", 1),
    ),
    "Capture": (
        graph("Pictures", "A second, of each camera. A line at 0 is a bed that nobody watches.", "cps",
              (f"sum by (source) (rate(wince_camera_frames_total{RATE}))", "{{source}}")),
        graph("Lost pictures", "Dropped for newer ones because detect is slower, late, or damaged. Good: 0.", "cps",
              (f"sum by (source) (rate(wince_frames_dropped_total{RATE}))", "dropped {{source}}"),
              (f"sum by (source) (rate(wince_camera_late_total{RATE}))", "late {{source}}"),
              (f"sum by (source) (rate(wince_camera_corrupt_total{RATE}))", "damaged {{source}}")),
        graph("Camera failures", "Connections that failed or ended, in an hour, by kind.", "none",
              ("sum by (source, kind) (increase(wince_camera_failures_total[1h]))", "{{source}} {{kind}}")),
    ),
    "Detect and estimate": (
        graph("Assessable share", "Share of the expected pictures with a face that can be assessed.", "percentunit",
              (f"sum by (protocol) (rate(wince_assessable_share_sum{RATE})) / sum by (protocol) (rate(wince_assessable_share_count{RATE}))",
               "{{protocol}}")),
        graph("Faces given up", "A second: the inference server is too slow for them. Good: 0.", "cps",
              (f"sum(rate(wince_faces_given_up_total{RATE}))", "given up")),
        graph("Models and rules", "One line for each protocol, model set and rule. Two of one protocol are a fault.", "none",
              ("count by (protocol, model_set, rule) (wince_model_info)", "{{protocol}} {{model_set}} {{rule}}")),
    ),
    "Grade": (
        graph("Windows", "A minute, by what came of them: graded, or the reason why not.", "none",
              (f"sum by (outcome) (rate(wince_windows_total{RATE})) * 60", "{{outcome}}")),
        graph("Lag", "How old the messages are that each stage works on. Good: below 10 s.", "s",
              ("max by (group) (wince_consumer_lag_seconds)", "{{group}}"), limit=60),
        graph("Set aside", "In 15 minutes: unreadable, ahead of now, read by other rules. Good: 0.", "none",
              ("sum by (topic) (increase(wince_dead_letters_total[15m]))", "unreadable {{topic}}"),
              ("sum by (source) (increase(wince_ahead_total[15m]))", "ahead {{source}}"),
              ("sum by (protocol) (increase(wince_mixed_rules_total[15m]))", "other rules {{protocol}}")),
    ),
    "Record": (
        graph("Latency", "From a window's last picture to its COMMIT.", "s",
              (quantile(0.5, "wince_window_latency_seconds"), "half of the windows"),
              (quantile(0.95, "wince_window_latency_seconds"), "95 of 100 windows"),
              (quantile(0.95, "wince_alert_latency_seconds"), "95 of 100 alerts"), limit=10),
        graph("Alerts", "In an hour, by grade.", "none",
              ("sum by (protocol, grade) (increase(wince_alerts_total[1h]))", "{{protocol}} {{grade}}")),
        graph("What waits for people", "Open questions, reviews of the record, cameras whose messages are set aside.", "none",
              ("max(wince_questions_open)", "questions"), ("max(wince_reviews_waiting)", "reviews"),
              ("max(wince_aside_sources)", "cameras set aside")),
        graph("Since when", "Age of the oldest of them, and of the oldest switch that is off.", "s",
              ("max(wince_question_oldest_seconds)", "question"), ("max(wince_reviews_oldest_seconds)", "review"),
              ("max(wince_switched_off_oldest_seconds)", "switch")),
    ),
    "Delivery": (
        graph("Attempts", "A minute, by target and outcome: written, retry, dead, held.", "none",
              (f"sum by (target, outcome) (rate(wince_deliveries_total{RATE})) * 60", "{{target}} {{outcome}}")),
        graph("Outbox", "Entries that wait, are held, dead, unfinished, or to be withdrawn by hand.", "none",
              ("max by (target) (wince_outbox_waiting)", "{{target}} waiting"), ("max by (target) (wince_outbox_held)", "{{target}} held"),
              ("max by (target) (wince_outbox_dead)", "{{target}} dead"),
              ("max by (target) (wince_outbox_unfinished)", "{{target}} unfinished"),
              ("max by (target) (wince_outbox_by_hand)", "{{target}} by hand")),
        graph("Oldest delivery", "How long the oldest open entry waits.", "s",
              ("max by (target) (wince_outbox_oldest_seconds)", "{{target}}"), limit=900),
        graph("Charts that differ", "Entries of which the target shows something else. Good: 0.", "none",
              ("max by (target) (wince_read_back_differs)", "{{target}}"), limit=1),
    ),
    "Hospital": (
        graph("HL7 messages", "A minute, by outcome.", "none",
              (f"sum by (outcome) (rate(wince_hl7_messages_total{RATE})) * 60", "{{outcome}}")),
        graph("Silence of the feed", "Since the last word of the hospital's ADT feed.", "s", ("max(wince_feed_silent_seconds)", "silent")),
        graph("Doubts", "Beds in doubt, beds in which the census differs, messages that are parked.", "none",
              ("max by (cause) (wince_beds_doubtful)", "doubtful: {{cause}}"),
              ("max by (kind) (wince_census_differences)", "census: {{kind}}"), ("max(wince_hl7_parked)", "parked")),
    ),
    "Audit trail": (
        graph("Unsigned links", "Links after the last signed checkpoint.", "none", ("max(wince_audit_unsigned_links)", "links")),
        graph("Checkpoint", "Age of the last one, and of the oldest link after it. The first grows while nothing happens.", "s",
              ("max(wince_audit_checkpoint_age_seconds)", "checkpoint"), ("max(wince_audit_unsigned_oldest_seconds)", "oldest unsigned"),
              limit=300),
        graph("Second places", "Age of the oldest link that no checkpoint there covers.", "s",
              ("max by (kind) (wince_anchor_unsent_oldest_seconds)", "{{kind}}")),
    ),
    "Services": (
        graph("Releases", "Replicas of each service by release.", "none",
              ("count by (service, version) (wince_build_info)", "{{service}} {{version}}")),
        graph("Failed calls", "gRPC calls a minute that did not end well.", "none",
              (f'sum by (method, status) (rate(wince_rpc_calls_total{{status!~"OK|CANCELLED"}}{RATE})) * 60', "{{method}} {{status}}")),
        graph("Calls", "95 of 100 calls take less.", "s", (quantile(0.95, "wince_rpc_seconds", ", method"), "{{method}}")),
        graph("Database and disk", "Size of the database; free where checkpoints are written.", "bytes",
              ("max(wince_database_bytes)", "database"), ("min(wince_state_free_bytes)", "free for checkpoints")),
        graph("Schema", "Newest migration of the database.", "none", ("max(wince_schema_version)", "schema")),
        graph("Certificates and keys", "How long each still holds.", "s",
              ("min by (service, name) (wince_credential_seconds_left)", "{{service}}: {{name}}")),
    ),
}  # fmt: skip
"""By stage of the road, in its order."""


def within(query: str) -> str:
    """The query, of the chosen namespaces alone.

    >>> within('max(wince_ready) + sum(wince_x_total{a="b"})')
    'max(wince_ready{namespace=~"$namespace"}) + sum(wince_x_total{namespace=~"$namespace",a="b"})'
    """
    chosen = 'namespace=~"$namespace"'
    return re.sub(r"(wince_\w+)(\{)?", lambda found: f"{found[1]}{{{chosen}" + ("," if found[2] else "}"), query)


def dashboard() -> dict[str, Any]:
    """The whole, as Grafana takes it."""
    panels: list[dict[str, Any]] = []
    line = 0
    for title, row in ROWS.items():
        panels.append(_row(len(panels) + 1, title, line))
        line += 1
        height = 4 if row[0].stat else HEIGHT
        across = len(row) if row[0].stat else (4 if len(row) == 4 else 3)
        for place, panel in enumerate(row):
            width = WIDTH // across
            at = {"x": place % across * width, "y": line + place // across * height, "w": width, "h": height}
            panels.append(_panel(len(panels) + 1, panel, at))
        line += -(-len(row) // across) * height
    return {
        "title": "Wince: the road from the camera to the chart",
        "description": "Made by charts/tool/dashboard.py. What each metric says stands in docs/reference/metrics.md.",
        "uid": "wince-road",
        "tags": ["wince"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": [_source(), _namespace()]},
        "panels": panels,
    }


def _source() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "current": {}, "hide": 0}


def _namespace() -> dict[str, Any]:
    query = "label_values(wince_build_info, namespace)"
    return {
        "name": "namespace", "label": "Namespace", "type": "query", "datasource": SOURCE, "definition": query,
        "query": {"query": query, "refId": "namespace"}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True, "allValue": ".*",
        "current": {"text": "All", "value": "$__all"}, "hide": 0,
    }  # fmt: skip


def _row(number: int, title: str, line: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "panels": [],
        "gridPos": {"x": 0, "y": line, "w": WIDTH, "h": 1},
    }


def _panel(number: int, panel: Panel, at: dict[str, int]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    options: dict[str, Any] = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    if panel.stat:
        options = {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "background",
            "graphMode": "none",
        }
    elif panel.limit is not None:
        defaults["custom"] = {"thresholdsStyle": {"mode": "line"}}
    targets = [
        {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": within(query), "legendFormat": name, "range": True}
        for place, (query, name) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": "stat" if panel.stat else "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": at,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": targets,
    }


def text() -> str:
    """The file's text: a line for each panel, so that a change of one shows as one."""
    whole = dashboard()
    panels = ",\n  ".join(json.dumps(panel, ensure_ascii=False) for panel in whole.pop("panels"))
    head = json.dumps(whole, indent=1, ensure_ascii=False).removesuffix("\n}")
    return f'{head},\n "panels": [\n  {panels}\n ]\n}}\n'
