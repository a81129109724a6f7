"""The alerts of a release: its own namespace's metrics, and runbooks at an address that answers."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.chart.rendered import CHART, NAME, NAMESPACE, manifests, named

ADDRESS = "https://git.hospital.example/wince"
INFO = 'wince_build_info{{namespace="{}",service="record",job="wince",instance="{}:9400"}}'


def spec(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = named(manifests("helm4", "high-availability", *arguments), "PrometheusRule", NAME)["spec"]
    return found


def rules(of: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for group in of["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("end", ["", "/"])
def test_a_runbook_has_the_address_of_the_site(end: str) -> None:
    for rule in rules(spec("--set", f"metrics.rules.runbooks={ADDRESS}{end}")):
        path = rule["annotations"]["runbook_url"].removeprefix(f"{ADDRESS}/")
        assert (CHART.parents[1] / path).is_file()
    assert all(rule["annotations"]["runbook_url"].startswith("docs/runbooks/") for rule in rules(spec()))


def test_every_metric_is_that_of_the_namespace() -> None:
    plain = rules(yaml.safe_load((CHART / "files/alerts.yaml").read_text()))
    for ours, theirs in zip(rules(spec()), plain, strict=True):
        assert ours["expr"].count("wince_") == ours["expr"].count(f'{{namespace="{NAMESPACE}"') == theirs["expr"].count("wince_")
        bare = ours["expr"].replace(f'{{namespace="{NAMESPACE}"}}', "").replace(f'namespace="{NAMESPACE}", ', "")
        assert bare == theirs["expr"]
        assert ours["labels"] == {**theirs["labels"], "namespace": NAMESPACE}


def test_another_site_does_not_hide_that_this_one_is_down(tmp_path: Path) -> None:
    """One Prometheus watches both: record of the other site answers."""
    promtool = shutil.which("promtool")
    if promtool is None:
        assert not os.environ.get("CI"), "promtool is not installed: apt install prometheus"
        pytest.skip("promtool is not installed: apt install prometheus")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec()))
    series = [{"series": INFO.format(NAMESPACE, "a"), "values": "1x9 stale"}, {"series": INFO.format("north", "b"), "values": "1x3000"}]
    firing = f'count(ALERTS{{alertname="WinceServiceDown",alertstate="firing",namespace="{NAMESPACE}"}})'
    wanted = [{"expr": firing, "eval_time": "20m", "exp_samples": [{"labels": "{}", "value": 1}]}]
    trial = {"interval": "1m", "input_series": series, "promql_expr_test": wanted}
    (tmp_path / "trial.yaml").write_text(json.dumps({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [trial]}))
    done = subprocess.run(
        [promtool, "test", "rules", str(tmp_path / "trial.yaml")], check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
