"""docs/reference/status.md names every subject, state and figure that there is."""

import re
from pathlib import Path

from wince.serve.status import collect
from wince.serve.status.interface import State

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "reference" / "status.md").read_text()


def test_every_subject_and_state_is_documented() -> None:
    listed = re.findall(r"^\| `([a-z0-9]+)` \|", DOC.split("| subject | a row for")[1], re.MULTILINE)
    assert listed == list(collect.SUBJECTS)
    assert all(f"`{state.value}`" in DOC for state in State)


def test_every_figure_is_documented() -> None:
    """Literal keys of `figures` in the sources; topics and letters are named by pattern."""
    for file in (ROOT / "services" / "wince" / "serve" / "status").glob("*.py"):
        for block in re.findall(r"figures(?:: Figures)? \|?= \{(.*?)\}", file.read_text(), re.DOTALL):
            for key in re.findall(r'"([a-z_]+)":', block):
                assert f"`{key}`" in DOC or key == "written", f"{file.name}: {key}"
