"""`wince fhir preview`: what a clip would leave in a record, without an EHR."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import wince
from tests.face_models import fetched
from wince.fhir.invariants import problems

CLIP = Path(wince.__file__).parent / "testing" / "clips" / "bed1.mp4"
pytestmark = pytest.mark.slow


def preview(*options: str) -> subprocess.CompletedProcess[str]:
    fetched()
    command = [sys.executable, "-m", "wince.cli.main", "fhir", "preview", str(CLIP), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_clip_with_pain_gives_a_grade_an_alert_and_what_stands_beside_them() -> None:
    done = preview("--json")
    assert done.returncode == 0, done.stderr
    made: list[dict[str, Any]] = json.loads(done.stdout)
    assert {one["resourceType"]: problems(one) for one in made if problems(one)} == {}
    kinds = [one["category"][1]["coding"][0]["code"] for one in made if one["resourceType"] == "Observation"]
    assert kinds == ["grade", "alert"]
    assert sorted(one["resourceType"] for one in made if one["resourceType"] != "Observation") == [
        *("CommunicationRequest", "Device", "Provenance", "Provenance")
    ]


def test_without_the_code_that_a_profile_needs_it_says_so() -> None:
    done = preview("--profile", "epic")
    assert (done.returncode, "0 resources under write profile epic" in done.stdout) == (0, True)  # research: nothing of the software's
