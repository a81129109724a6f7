"""charts/wince/files: every rule and panel uses metrics that exist, with their labels; each rule says what to do, and where more stands."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FILES = ROOT / "charts" / "wince" / "files"
RUNBOOKS = ROOT / "docs" / "runbooks"
RULES = re.split(r"^ {6}- alert: ", (FILES / "alerts.yaml").read_text(), flags=re.M)[1:]
SCRAPED = {"job", "instance", "namespace"}
"""Labels that Prometheus adds."""
PARTS = ("## What it means for patients", "## Look at", "## Do", "## Call", "## It is over when")


def labels() -> dict[str, set[str]]:
    """Of every metric, as the reference describes it; parts of a histogram too."""
    rows = re.findall(r"^\| `(wince_\w+)` \| (\w+) \| ([\w, ]*) ?\|", (ROOT / "docs/reference/metrics.md").read_text(), re.M)
    found = {}
    for name, kind, said in rows:
        known = {one.strip() for one in said.split(",") if one.strip()}
        found[name] = known
        if kind == "histogram":
            found |= {f"{name}_bucket": known | {"le"}, f"{name}_sum": known, f"{name}_count": known}
    return found


KNOWN = labels()


def fits(expression: str) -> None:
    """Every metric exists; what it is grouped and chosen by are labels of one of its metrics."""
    names = set(re.findall(r"wince_\w+", expression))
    assert names <= KNOWN.keys(), names - KNOWN.keys()
    known = SCRAPED.union(*(KNOWN[name] for name in names))
    by = {one.strip() for group in re.findall(r"(?:by|on|without) \(([\w, ]*)\)", expression) for one in group.split(",") if one.strip()}
    assert by <= known, by - known
    for name, selector in re.findall(r"(wince_\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)[=!]~?\"", selector)) <= KNOWN[name] | SCRAPED


def expression_of(rule: str) -> str:
    (found,) = re.findall(r"^ {8}expr: (?:>-\n {10})?(.+)$", rule, re.M)
    return found


@pytest.mark.parametrize("rule", RULES, ids=[rule.split()[0] for rule in RULES])
def test_a_rule_names_metrics_that_exist_and_says_what_to_do(rule: str) -> None:
    name, expression = rule.split(maxsplit=1)[0], expression_of(rule)
    fits(expression)
    grouped = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([\w, ]+)\)", expression))))
    said = set(re.findall(r"\$labels\.(\w+)", rule))
    assert said <= grouped | (SCRAPED if expression.startswith("up ==") else set())
    severity = re.findall(r"^ {10}severity: (critical|warning)$", rule, re.M)
    assert len(severity) == 1
    assert re.findall(r'^ {10}summary: ".+"$', rule, re.M)
    assert re.findall(r"^ {10}remedy: (?:>-\n {12})?\S", rule, re.M)
    assert re.findall(r"^ {10}runbook_url: (.+)$", rule, re.M) == [f"docs/runbooks/{name}.md"]
    page = (RUNBOOKS / f"{name}.md").read_text()
    assert page.startswith(f"# {name}\n\nSeverity: {severity[0]}.")
    places = [page.index(part) for part in PARTS]
    assert places == sorted(places)
    assert f"| [{name}]({name}.md) | {severity[0]} |" in (RUNBOOKS / "README.md").read_text()


def test_a_page_is_of_an_alert_that_there_is() -> None:
    """Pages of events have other names."""
    pages = {page.stem for page in RUNBOOKS.glob("Wince*.md")}
    assert pages == {rule.split()[0] for rule in RULES}


def dashboard() -> dict:
    return json.loads((FILES / "dashboard.json").read_text())


def test_the_dashboard_fits_any_grafana() -> None:
    """No data source of ours, no two panels in one place, and each says what it shows, in which unit."""
    whole = dashboard()
    assert [one["name"] for one in whole["templating"]["list"]] == ["datasource", "namespace"]
    places: set[tuple[int, int]] = set()
    for panel in whole["panels"]:
        at = panel["gridPos"]
        mine = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not mine & places
        assert max(x for x, _ in mine) < 24
        places |= mine
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            fits(target["expr"])
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            grouped = {one.strip() for group in re.findall(r"by \(([\w, ]*)\)", target["expr"]) for one in group.split(",")}
            assert shown <= grouped
            assert target["expr"].count('namespace=~"$namespace"') == len(re.findall(r"wince_\w+", target["expr"]))
    assert len({panel["id"] for panel in whole["panels"]}) == len(whole["panels"])
