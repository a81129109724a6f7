"""The clinical hazard log: read from safety/hazards/*.toml, checked, and written as a page.

    python safety/hazards.py docs/explanation/hazards.md

A file holds `[[hazard]]` tables: `id` (H and two digits, in order), `title`, `hazard` (the situation), `causes`, `harm`, `before` and
`after` (severity and likelihood, without and with the controls), `residual`, `site` (what the site must do), and `[[hazard.controls]]`.
A control says `what` it is and names its `guards`: tests, as path::name, that fail where the control is gone. One that no test can guard
says why in `open`. The words and the matrix are those of NHS Digital's guidance to DCB0129; ISO 14971 asks for the same columns.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "hazards"
FILES = ("patient", "time", "grade", "record", "operations")
"""In the page's order."""
SEVERITIES = ("minor", "significant", "considerable", "major", "catastrophic")
LIKELIHOODS = ("very low", "low", "medium", "high", "very high")
MATRIX = {
    "very high": (3, 4, 4, 5, 5),
    "high": (2, 3, 3, 4, 5),
    "medium": (2, 2, 3, 3, 4),
    "low": (1, 2, 2, 3, 4),
    "very low": (1, 1, 2, 2, 3),
}
"""Risk from 1 to 5, by likelihood and, across, by severity."""
MEANING = {
    1: "acceptable",
    2: "acceptable where reducing it further is not practicable",
    3: "undesirable: reduce it, or say why it is borne",
    4: "unacceptable for clinical use",
    5: "unacceptable for clinical use",
}
_HEAD = """# Hazard log

Made by `make docs` from safety/hazards: don't edit.

What can harm a patient on the whole road from the camera to the chart, what Wince does about it, and which test fails if that control is
gone. The columns are those that DCB0129 and ISO 14971 ask for. **Research use only, not validated**: severity and likelihood are the
developers' estimates and were not measured on patients. A site that deploys Wince must make its own assessment (DCB0160), with its own
clinical safety officer; what it must do about each hazard stands there. [Intended use](intended-use.md) says what Wince must not be used
for, [limits](limits.md) where the scorer is wrong, [threats](threats.md) who may attack.
"""


@dataclass(frozen=True)
class Risk:
    """How bad, how likely."""

    severity: str
    likelihood: str

    @property
    def level(self) -> int:
        """1 to 5, by MATRIX."""
        return MATRIX[self.likelihood][SEVERITIES.index(self.severity)]

    def __str__(self) -> str:
        return f"{self.severity}, {self.likelihood}: **{self.level}**"


@dataclass(frozen=True)
class Control:
    """What makes a hazard less likely or less bad."""

    what: str
    guards: Sequence[str] = ()
    """Tests, path::name."""
    open: str = ""
    """Why no test guards it."""


@dataclass(frozen=True)
class Hazard:
    """One row of the log."""

    id: str
    title: str
    hazard: str
    causes: Sequence[str]
    harm: str
    before: Risk
    after: Risk
    residual: str
    site: Sequence[str]
    controls: Sequence[Control]


def load() -> list[Hazard]:
    """Every hazard, in order. Raises KeyError, TypeError or ValueError for a file that is none of this form."""
    found = [one for name in FILES for one in tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))["hazard"]]
    return [_hazard(one) for one in found]


def page(hazards: Sequence[Hazard]) -> str:
    """The log as Markdown."""
    return "\n".join([_HEAD, *_matrix(), *_summary(hazards), *(line for one in hazards for line in _section(one))])


def _hazard(table: dict[str, Any]) -> Hazard:
    before, after = (Risk(*table.pop(when)) for when in ("before", "after"))
    for risk in (before, after):
        if risk.severity not in SEVERITIES or risk.likelihood not in LIKELIHOODS:
            raise ValueError(f"{table['id']}: no risk: {risk.severity}, {risk.likelihood}")
    controls = [Control(**one) for one in table.pop("controls")]
    return Hazard(**table, before=before, after=after, controls=controls)


def _matrix() -> list[str]:
    rows = [f"| {likely} | {' | '.join(map(str, MATRIX[likely]))} |" for likely in reversed(LIKELIHOODS)]
    meanings = [f"- **{level}** {said}" for level, said in MEANING.items()]
    head = f"| likelihood | {' | '.join(SEVERITIES)} |"
    return ["## How risk is rated", "", head, "|---|" + "---|" * len(SEVERITIES), *rows, "", *meanings, ""]


def _summary(hazards: Sequence[Hazard]) -> list[str]:
    lines = ["## All hazards", "", "| id | hazard | before | after | open |", "|---|---|---|---|---|"]
    for one in hazards:
        number = sum(not control.guards for control in one.controls)
        name = f"{one.id} {one.title}"
        anchor = "".join(letter for letter in name.lower() if letter.isalnum() or letter in " -").replace(" ", "-")
        lines.append(f"| [{one.id}](#{anchor}) | {one.title} | {one.before.level} | {one.after.level} | {number or ''} |")
    return [*lines, "", "*Open* counts controls that no test can guard; each says why.", ""]


def _section(one: Hazard) -> list[str]:
    lines = [f"## {one.id} {one.title}", "", one.hazard, ""]
    lines += [f"- **Causes:** {'; '.join(one.causes)}", f"- **Harm:** {one.harm}"]
    lines += [
        f"- **Risk before controls:** {one.before}",
        f"- **Risk after controls:** {one.after}",
        "",
        "| control | guarded by |",
        "|---|---|",
    ]
    for control in one.controls:
        guards = "<br>".join(f"`{guard}`" for guard in control.guards)
        lines.append(f"| {control.what} | {guards or 'open: ' + control.open} |")
    return [*lines, "", f"**What remains:** {one.residual}", "", "**The site must:**", "", *(f"- {what}" for what in one.site), ""]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(load()), "utf-8")
