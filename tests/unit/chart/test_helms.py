"""Both majors of Helm take the chart, and make the same of it."""

from pathlib import Path

import pytest

from tests.support.kube.tools import HELMS
from tests.unit.chart.rendered import CHART, SETS, helm, manifests, refusal, values_file


@pytest.mark.parametrize("values", SETS)
def test_helm_3_and_helm_4_render_the_same(values: str) -> None:
    assert manifests("helm3", values) == manifests("helm4", values)


@pytest.mark.parametrize("peer", HELMS)
def test_lint_finds_nothing(peer: str) -> None:
    said = helm(peer).run("lint", "--strict", CHART, "--values", values_file("minimal")).stdout
    assert "[ERROR]" not in said
    assert "icon" not in said
    assert "[WARNING]" not in said


@pytest.mark.parametrize("peer", HELMS)
def test_a_package_holds_what_a_release_needs(peer: str, tmp_path: Path) -> None:
    helm(peer).run("package", CHART, "--destination", tmp_path)
    (package,) = tmp_path.glob("wince-*.tgz")
    arguments = ("template", "icu", package, "--values", values_file("minimal"))
    assert "kind: StatefulSet" in helm(peer).run(*arguments).stdout


@pytest.mark.parametrize("peer", HELMS)
def test_the_schema_refuses_what_is_no_value(peer: str) -> None:
    for argument, words in (
        ("settings.sight=x", "sight"),
        ("settings.rpc.drain_s=-1", "drain_s"),
        ("settings.log_level=loud", "log_level"),
        ("components.grade.replica=2", "replica"),
        ("components.care.hpa.enabled=true", "hpa"),
        ("components.grade.pdb.maxUnavailable=0", "maxUnavailable"),
        ("files.ehr_key_file.key=x", "ehr_key_file"),
        ("files.nothing.secret=x", "nothing"),
        ("image.tags=1", "tags"),
        ("models.sha256.x=12", "x"),
        ("image.tag=a b", "tag"),
        ("fullnameOverride=Ab_c", "fullnameOverride"),
        ("networkPolicy.kafka.peers[0].ipBlock.cdr=10.0.0.0/8", "cdr"),
        ("metrics.rules.runbooks=docs", "runbooks"),
    ):
        assert words in refusal(peer, "minimal", "--set", argument), argument


def test_the_notes_say_what_is_in_the_clear() -> None:
    said = helm("helm4").run("install", "icu", CHART, "--dry-run=client", "--values", values_file("one-bed")).stdout
    assert said.count("IN THE CLEAR") == 2
    assert "No NetworkPolicy" in said
