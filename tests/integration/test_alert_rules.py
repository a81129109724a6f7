"""Prometheus' own tool tries every rule: it fires where it should, and is quiet one step before."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

RULES = Path(__file__).parents[2] / "charts" / "wince" / "files" / "alerts.yaml"
NAMES = re.findall(r"^ {6}- alert: (\w+)$", RULES.read_text(), re.M)
pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        assert not os.environ.get("CI"), "promtool is not installed: apt install prometheus"
        pytest.skip("promtool is not installed: apt install prometheus")
    return found


@dataclass(frozen=True)
class Case:
    """Series as promtool writes them (START+STEPxTIMES, a value a minute), and when the rule is looked at."""

    fires: dict[str, str]
    quiet: dict[str, str]
    """Nearly the same, and nothing to alert on."""
    at: str = "20m"


def gauge(metric: str, fires: float, quiet: float, at: str = "20m") -> Case:
    """A value that stays, on each side of the threshold."""
    return Case({metric: f"{fires}x3000"}, {metric: f"{quiet}x3000"}, at)


def rises(metric: str, fires: str = "0+1x3000", quiet: str = "5x3000", at: str = "20m") -> Case:
    """A counter that grows, and one that stands."""
    return Case({metric: fires}, {metric: quiet}, at)


INFO = 'wince_build_info{service="record",version="1.0",job="wince",instance="a:9400"}'
OTHER = 'wince_build_info{service="record",version="1.1",job="wince",instance="b:9400"}'
MODEL = 'wince_model_info{protocol="activity",model_set="aa",rule="cc",instance="a"}'
SAME = 'wince_model_info{protocol="activity",model_set="aa",rule="cc",instance="b"}'
ANOTHER = 'wince_model_info{protocol="activity",model_set="bb",rule="cc",instance="b"}'
SHARE = "wince_assessable_share"

CASES = {
    "WinceServiceDown": Case({INFO: "1x9 stale"}, {INFO: "1x9 stale", OTHER: "1x3000"}),
    "WinceReplicaDown": Case(
        {INFO: "1x9 stale", 'up{job="wince",instance="a:9400"}': "1x9 0x3000"},
        {INFO: "1x3000", 'up{job="wince",instance="a:9400"}': "1x3000", 'up{job="other",instance="z"}': "0x3000"},
    ),
    "WinceNotReady": gauge('wince_ready{job="wince",instance="a:9400"}', 0, 1),
    "WinceNothingGraded": Case(
        {'wince_windows_total{protocol="activity",outcome="graded"}': "7x3000", 'wince_camera_frames_total{source="bed-1"}': "0+60x3000"},
        {'wince_windows_total{protocol="activity",outcome="graded"}': "7x3000", 'wince_camera_frames_total{source="bed-1"}': "9x3000"},
        "40m",
    ),
    "WinceAlertsLate": Case(
        {'wince_alert_latency_seconds_bucket{le="10"}': "0x3000", 'wince_alert_latency_seconds_bucket{le="30"}': "0+1x3000",
         'wince_alert_latency_seconds_bucket{le="+Inf"}': "0+1x3000"},
        {'wince_alert_latency_seconds_bucket{le="10"}': "0+1x3000", 'wince_alert_latency_seconds_bucket{le="30"}': "0+1x3000",
         'wince_alert_latency_seconds_bucket{le="+Inf"}': "0+1x3000"},
        "60m",
    ),
    "WinceStageLags": gauge('wince_consumer_lag_seconds{group="grade"}', 61, 60),
    "WinceUnreadable": rises('wince_dead_letters_total{topic="estimates"}'),
    "WinceVersionsMixed": Case({INFO: "1x3000", OTHER: "1x3000"}, {INFO: "1x3000"}, "90m"),
    "WinceModelsMixed": Case({MODEL: "1x3000", ANOTHER: "1x3000"}, {MODEL: "1x3000", SAME: "1x3000"}, "60m"),
    "WinceModelsFault": gauge("wince_models_fault", 1, 0),
    "WinceStateDiskFull": gauge("wince_state_free_bytes", 1024**3 - 1, 1024**3),
    "WinceDatabaseGrows": Case(
        {'wince_database_bytes{job="wince",instance="a"}': "20000000000+10000000x3000"},
        {'wince_database_bytes{job="wince",instance="a"}': "20000000000+100000x3000"},
        "2h",
    ),
    "WinceCameraSilent": rises('wince_camera_frames_total{source="bed-1"}', "9x3000", "0+60x3000"),
    "WinceFramesDropped": rises('wince_frames_dropped_total{source="bed-1"}', "0+60x3000", "0+6x3000", "30m"),
    "WinceCameraListWrong": gauge("wince_camera_list_wrong", 1, 0),
    "WinceFacesSeldomSeen": Case(
        {f'{SHARE}_sum{{protocol="activity"}}': "0+1x3000", f'{SHARE}_count{{protocol="activity"}}': "0+12x3000"},
        {f'{SHARE}_sum{{protocol="activity"}}': "0+9x3000", f'{SHARE}_count{{protocol="activity"}}': "0+12x3000"},
        "3h",
    ),
    "WinceQuestionsOld": gauge("wince_question_oldest_seconds", 901, 900),
    "WinceTrailNotSigned": gauge("wince_audit_unsigned_oldest_seconds", 301, 300),
    "WinceMessagesSetAside": gauge("wince_aside_sources", 1, 0),
    "WinceReviewsLate": Case({"wince_reviews_waiting": "2x3000"}, {"wince_reviews_waiting": "2x5 0 2x3000"}, "20m"),
    "WinceTrailNotWitnessed": gauge('wince_anchor_unsent_oldest_seconds{kind="s3"}', 1801, 1800),
    "WinceTrailNotDated": gauge('wince_anchor_unsent_oldest_seconds{kind="timestamp"}', 14401, 14400),
    "WinceClockAhead": rises('wince_ahead_total{source="bed-1"}'),
    "WinceMixedRules": rises('wince_mixed_rules_total{protocol="activity"}'),
    "WinceTargetHeld": gauge('wince_target_held{target="ehr"}', 1, 0),
    "WinceDeadLetters": gauge('wince_outbox_dead{target="ehr"}', 1, 0),
    "WinceByHand": gauge('wince_outbox_by_hand{target="ehr"}', 1, 0),
    "WinceUnfinished": gauge('wince_outbox_unfinished{target="ehr"}', 1, 0),
    "WinceDeliveryLate": gauge('wince_outbox_oldest_seconds{target="ehr"}', 901, 900),
    "WinceChartDiffers": gauge('wince_read_back_differs{target="ehr"}', 1, 0),
    "WinceRetentionLate": gauge("wince_retention_age_seconds", 172_801, 172_800),
    "WinceSwitchedOffForLong": gauge("wince_switched_off_oldest_seconds", 86401, 86400),
    "WinceCredentialEnds": gauge('wince_credential_seconds_left{service="hospital",name="mllp_cert_file"}', 14 * 86400 - 1, 14 * 86400),
    "WinceDeliveryFails": Case(
        {'wince_delivery_retries_total{target="ehr"}': "0+6x3000", 'wince_deliveries_total{target="ehr",outcome="retry"}': "0+6x3000",
         'wince_deliveries_total{target="ehr",outcome="written"}': "0+5x3000"},
        {'wince_delivery_retries_total{target="ehr"}': "0+6x3000", 'wince_deliveries_total{target="ehr",outcome="retry"}': "0+6x3000",
         'wince_deliveries_total{target="ehr",outcome="written"}': "0+7x3000"},
        "40m",
    ),
    "WinceMessagesParked": gauge("wince_hl7_parked", 1, 0),
    "WinceObjectsHeld": gauge("wince_imaging_held", 1, 0),
    "WinceMessagesRefused": rises('wince_hl7_messages_total{outcome="refused"}', at="40m"),
    "WinceUnknownVisitEnds": rises('wince_hl7_notes_total{note="patient_in_bed"}'),
    "WinceSendersTurnedAway": rises('wince_hl7_turned_away_total{reason="refused"}'),
    "WinceFeedSilent": gauge("wince_feed_untrusted", 1, 0),
    "WinceBedsDoubtful": Case({'wince_beds_doubtful{cause="stay"}': "1x3000"}, {'wince_beds_doubtful{cause="feed"}': "9x3000"}),
    "WinceCensusDiffers": gauge('wince_census_differences{kind="missing_here"}', 1, 0, "3h"),
    "WinceCensusFailed": gauge("wince_census_failed", 1, 0, "3h"),
}  # fmt: skip


def test_every_rule_is_tried() -> None:
    assert sorted(CASES) == sorted(NAMES)


def test_the_rules_are_rules(promtool: str) -> None:
    done = subprocess.run([promtool, "check", "rules", str(RULES)], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f"{len(NAMES)} rules found" in done.stdout


@dataclass
class Trial:
    """One test for promtool, of cases that share no metric: each costs it a database of its own."""

    series: dict[str, str] = field(default_factory=dict)
    expected: list[dict[str, object]] = field(default_factory=list)

    def takes(self, series: dict[str, str]) -> bool:
        """Whether none of these metrics is here already."""
        return not {name.partition("{")[0] for name in self.series} & {name.partition("{")[0] for name in series}

    def add(self, name: str, series: dict[str, str], at: str, firing: int) -> None:
        """How many alerts of this name fire then."""
        self.series |= series
        samples = [{"labels": "{}", "value": firing}] if firing else []
        expression = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
        self.expected.append({"expr": expression, "eval_time": at, "exp_samples": samples})

    def said(self) -> dict[str, object]:
        """As promtool reads it."""
        series = [{"series": one, "values": values} for one, values in self.series.items()]
        return {"interval": "1m", "input_series": series, "promql_expr_test": self.expected}


def test_each_fires_where_it_should_and_is_quiet_where_not(promtool: str, tmp_path: Path) -> None:
    made: list[Trial] = []
    for name, case in CASES.items():
        for series, firing in ((case.fires, 1), (case.quiet, 0)):
            room = next((trial for trial in made if trial.takes(series)), None)
            if room is None:
                made.append(room := Trial())
            room.add(name, series, case.at, firing)
    trials = [trial.said() for trial in made]
    file = tmp_path / "alerts_test.yaml"  # JSON is YAML
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": trials}))
    done = subprocess.run([promtool, "test", "rules", str(file)], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
