"""Retention is run by a timer where a limit is set."""

import tomllib

from tests.unit.chart.rendered import Manifest, manifests, named, of_kind, pod, settings

Made = tuple[Manifest, ...]


def timed(*arguments: str, values: str = "minimal") -> list[str]:
    """Components that run by a timer."""
    return _timed(manifests("helm4", values, *arguments))


def _timed(made: Made) -> list[str]:
    return [one["metadata"]["labels"]["app.kubernetes.io/component"] for one in of_kind(made, "CronJob")]


def test_it_runs_where_a_limit_is_set_and_nowhere_else(made: Made) -> None:
    """The alert WinceRetentionLate is about the same settings: record's."""
    limits = [key for key, days in settings(made, "record").items() if key.startswith("retention_") and days]
    assert _timed(made) == (["retention"] if limits else [])


def test_a_limit_of_record_alone_counts_and_a_timer_of_the_sites_own() -> None:
    assert timed() == []
    for limit in ("assessments", "movements", "audit"):
        assert timed("--set", f"components.record.settings.retention_{limit}_days=3650") == ["retention"]
    assert timed("--set", "components.care.settings.retention_audit_days=3650") == []
    assert timed(values="high-availability") == ["retention"]
    assert timed("--set", "retention.enabled=false", values="high-availability") == []
    assert timed("--set", "components.record.enabled=false", values="high-availability") == []


def test_no_run_begins_beside_another_and_none_goes_on_for_ever() -> None:
    (job,) = of_kind(manifests("helm4", "high-availability", "--set", "fullnameOverride=" + "a" * 40), "CronJob")
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert job["spec"]["timeZone"] == "Europe/Berlin"
    assert job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0
    assert len(job["metadata"]["name"]) <= 52, "Kubernetes adds eleven characters to a Job's name"


def test_its_settings_and_its_image_are_records() -> None:
    made = manifests("helm4", "high-availability", "--set", "components.record.image.digest=sha256:" + "a" * 64)
    task = pod(made, "retention")
    assert task.main["image"] == pod(made, "record").main["image"]
    (config,) = [source["configMap"] for source in task.spec["volumes"][0]["projected"]["sources"] if "configMap" in source]
    said = tomllib.loads(named(made, "ConfigMap", config["name"])["data"]["wince.toml"])
    assert said["retention_assessments_days"] == 365
    assert {one["name"]: one.get("value") for one in task.main["env"]}["WINCE_CONFIG"] in task.files()
