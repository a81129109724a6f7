"""What is said aloud: the result, the label, and no file's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.assess.report import synthetic
from wince.assess.result import ClipResult
from wince.assess.result.speak import say, sentence

PROTOCOL = synthetic.PROTOCOL
GRADED: dict[str, tuple[list[ClipResult], str]] = {
    "clip": (
        [synthetic.clip("smith.mp4")],
        "1 alert, the first at 7 seconds; highest grade high for 4 seconds; "
        "longest grade, by the rule of PEEA, quiet for 15 of 30 seconds; 80 percent assessable",
    ),
    "still": ([synthetic.still("smith.png")], "High, in one picture; 100 percent assessable"),
    "batch": (
        [synthetic.clip("smith.mp4"), synthetic.failed("smith.txt"), synthetic.unassessable()],
        "3 inputs: 1 with an alert; highest grade: 1 high, 1 not assessable; "
        "longest grade, by the rule of PEEA: 1 quiet, 1 not assessable; 1 failed",
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


def test_what_keeps_it_from_being_said_is_told_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a program that fails, and of one that is not there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt install espeak-ng" in say("Quiet.")
    (tmp_path / "espeak-ng").write_text("#!/bin/sh\necho 'error: no audio device' >&2\nexit 1\n")
    (tmp_path / "espeak-ng").chmod(0o755)
    assert "error: no audio device" in say("Quiet.")
