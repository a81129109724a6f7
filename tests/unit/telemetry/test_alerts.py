"""docs/reference/alerts.yaml: every rule uses metrics that exist, and says what to do."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs" / "reference"


def test_every_rule_names_metrics_that_exist_and_says_what_to_do() -> None:
    labels = dict(re.findall(r"^\| `(wince_\w+)` \| \w+ \| ([\w, ]*) ?\|", (DOCS / "metrics.md").read_text(), re.M))
    rules = re.split(r"^ {6}- alert: ", (DOCS / "alerts.yaml").read_text(), flags=re.M)[1:]
    about = {"WinceTargetHeld": "target", "WinceDeadLetters": "target", "WinceDeliveryLate": "target", "WinceChartDiffers": "target"}
    about |= {"WinceCredentialEnds": "name"}
    assert set(about) <= {rule.split()[0] for rule in rules}
    for rule in rules:
        (expression,) = re.findall(r"^ {8}expr: (.+)$", rule, re.M)
        (metric,) = re.findall(r"wince_\w+", expression)
        known = {one.strip() for one in labels[metric].split(",") if one.strip()}
        by = set(re.findall(r"by \((\w+)\)", expression))
        assert by <= known
        assert set(re.findall(r"\$labels\.(\w+)", rule)) <= by
        if name := about.get(rule.split()[0]):
            assert known == by == {name}
        assert re.findall(r"^ {10}severity: (?:critical|warning)$", rule, re.M)
        assert re.findall(r'^ {10}summary: ".+"$', rule, re.M)
        assert re.findall(r"^ {10}remedy: (?:>-\n {12})?\S", rule, re.M)
