"""What is said aloud: the result, the label, and no file's name."""

from __future__ import annotations

import pytest

from tests.unit.assess.report import synthetic
from wince.assess.result import ClipResult
from wince.assess.speak import sentence

PROTOCOL = synthetic.PROTOCOL
GRADED: dict[str, tuple[list[ClipResult], str]] = {
    "clip": ([synthetic.clip("smith.mp4")], "Quiet for 15 of 30 seconds, 80 percent assessable"),
    "still": ([synthetic.still("smith.png")], "High, in one picture"),
    "batch": (
        [synthetic.clip("smith.mp4"), synthetic.failed("smith.txt"), synthetic.unassessable()],
        "3 inputs: 1 quiet, 1 not assessable, 1 failed",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("results", "said"), GRADED.values(), ids=GRADED)
def test_no_grade_is_said_without_the_label(results: list[ClipResult], said: str) -> None:
    """Of a clip, of a picture, of a batch."""
    assert sentence(results, PROTOCOL) == f"{said}; {PROTOCOL.report.label}."


def test_what_has_no_grade_says_why() -> None:
    assert sentence([synthetic.unassessable()], PROTOCOL).startswith("Not assessable: ")
    assert sentence([synthetic.failed("smith.txt")], PROTOCOL) == "The input could not be assessed."
    assert sentence([], PROTOCOL) == "Nothing was assessed."
