"""The main job, as a person starts it: patients admitted by HL7, clips graded, the record written, the trail verified."""

import re
from pathlib import Path

import pytest

from tests.conftest import reachable
from tests.e2e.wince_run import Ran, run
from tests.shared_data import shared
from tests.support.docs import SHOWN, blocks, missing
from tests.support.telling import told
from wince.demo.scenario import PATIENTS
from wince.testing import clips

KILLS = 10


@pytest.fixture(scope="module")
def whole():
    """One uninterrupted run of the bundled clips."""
    with reachable() as directory:
        ran = run(directory / "whole", WINCE_LOG_LEVEL="debug")
        assert ran.returncode == 0, ran.stderr
        ran.files = {path.name: path.read_text(errors="replace") for path in kept(directory / "whole")}
    return ran


def kept(state: Path) -> list[Path]:
    """What a run leaves behind but the record itself: the database's log, keys, checkpoints."""
    location = state / "postgres" / "location"
    logs = Path(location.read_text().strip()) if location.exists() else state / "postgres"
    files = [path for path in state.rglob("*") if path.is_file() and not {"data", "ehr"} & set(path.relative_to(state).parts)]
    return list({*files, *logs.glob("*.log")})


def charted(ran: Ran) -> set:
    return {(row["id"], row["revision"], row["kind"], row["bed"], row["grade"], row["start_us"]) for row in ran.result["entries"]}


def test_main_job(whole):
    """Three beds: pain is charted as an alert, smile and speech are not, the dark is unassessable and sent to nobody's guess."""
    result = whole.result
    assert result["patients"] == 3
    assert result["observations"] == len(result["entries"]) == result["in_ehr"] > 3
    assert result["undelivered"] == 0
    assert result["audit"]["rows"] > result["audit"]["checkpointed"] > 2 * result["observations"]
    assert result["audit"]["tail"] == 0, "the row behind the last checkpoint says that it was written"
    pain, smile, dark = (bed for bed in result["beds"])
    assert pain["alerts"] >= 1
    assert "alert" in pain["charted"]
    assert smile["alerts"] == dark["alerts"] == 0
    assert dark["reasons"] == {"dark": dark["reasons"]["dark"]}
    assert "unassessable" in dark["charted"]
    assert "assessable" in dark["charted"]


def test_no_name_anywhere(whole):
    """Names, record numbers and birth dates stand in no log line, no output, no log of the database, no checkpoint."""
    assert "server.log" in whole.files
    said = {"stderr": whole.stderr, "stdout": whole.stdout, **whole.files}
    for patient in PATIENTS:
        born = patient.birth_date
        secrets = (patient.family, patient.given, patient.mrn, born.isoformat(), born.strftime("%Y%m%d"))
        assert {name: found for name, text in said.items() if (found := told(text, secrets))} == {}


@pytest.mark.slow
def test_last_line(state_dir):
    """Without --json the last line says what was done, and progress goes line by line where there is no terminal."""
    ran = run(state_dir / "text", text=True)
    assert ran.returncode == 0, ran.stderr
    line = ran.stdout.strip().splitlines()[-1]
    proven = r"audit chain verified \(\d+ entries, \d+ records match it, 0 after its checkpoint\)"
    assert re.fullmatch(rf"wince: \d+ observations for 3 patients, \d+ sent to a nurse, {proven}", line)
    shown = next(block.text for block in blocks("README.md") if block.language == SHOWN)
    printed = ran.stdout.replace(str(state_dir / "text"), "~/.local/state/wince")
    assert missing(shown, printed) == [], "README shows another end of `make run`"
    assert "research use, not validated" in ran.stdout
    assert f"data in {state_dir}" in ran.stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_kill_and_go_on(state_dir):
    """kill -9 at ten points of a run, started again: the same entries as without, each once, each once in the EHR."""
    beds = [f"--clip=ICU^{number}^A={clips.clip(name)}" for number, name in ((1, "bed1"), (2, "bed3"))]
    whole = run(state_dir / "whole", *beds)
    assert whole.returncode == 0, whole.stderr
    last = len(whole.events) - 1
    state = state_dir / "state"
    for number in range(KILLS):
        at = f"2026-02-{number + 1:02d}T08:00:00Z"
        killed = run(state, *beds, kill_at=1 + last * number // KILLS, at=at)
        assert killed.returncode == -9
        again = run(state, *beds, at=at)
        assert again.returncode == 0, again.stderr
        assert again.result["observations"] == len(again.result["entries"]) == again.result["in_ehr"]
        assert same_story(again) == same_story(whole)


def same_story(ran: Ran) -> list:
    """Entries without what depends on the moment: bed, kind, grade, seconds since the clips began."""
    origin = min(row["start_us"] for row in ran.result["entries"]) // 60_000_000 * 60_000_000
    rows = ran.result["entries"]
    return sorted((row["bed"], row["kind"], row["grade"] is None, row["grade"] or 0, row["start_us"] - origin) for row in rows)


@pytest.mark.slow
def test_twice_is_once(whole, state_dir):
    """The same moment played again on the same state writes nothing anew."""
    state = state_dir / "twice"
    first, second = run(state), run(state)
    assert first.returncode == second.returncode == 0, second.stderr
    assert charted(first) == charted(second) == charted(whole)
    assert second.result["in_ehr"] == first.result["in_ehr"]


def test_real_clip(state_dir):
    """HEVC with a variable frame rate and an audio track; the man smiles, then he is gone: no alert, and the gap is charted."""
    ran = run(state_dir / "real", "--clip", f"ICU^7^A={shared('real/face_noface.mov')}")
    assert ran.returncode == 0, ran.stderr
    (bed,) = ran.result["beds"]
    assert bed["alerts"] == 0
    assert bed["windows"] == 2
    assert bed["reasons"] == {"none": 2} or bed["reasons"] == {"none": 1}


@pytest.mark.parametrize(
    ("arguments", "code", "field"),
    [
        (["--clip", "ICU^7^A=/nowhere.mp4"], 3, "/nowhere.mp4"),
        (["--clip", "nonsense"], 2, "--clip"),
        (["--clip", "BED=clip.mp4"], 2, "POINTOFCARE^ROOM^BED"),
        (["--at", "yesterday"], 2, "--at"),
        (["--clip", f"ICU^7^A={__file__}"], 3, "test_run.py"),
        (["--protocol-x"], 2, "--protocol-x"),
    ],
)
def test_bad_arguments(state_dir, arguments, code, field):
    """Each ends with its exit code, names the field and says what to do."""
    ran = run(state_dir / "bad", *arguments, text=True)
    assert ran.returncode == code, ran.stderr
    assert field in ran.stderr
    assert "Traceback" not in ran.stderr
    if code != 2:
        assert "remedy" in ran.stderr


def test_unknown_protocol(state_dir):
    """A protocol that is not there is named, with those that are."""
    ran = run(state_dir / "bad", text=True, WINCE_PROTOCOL="wishful")
    assert ran.returncode == 3
    assert "wishful" in ran.stderr
    assert "activity" in ran.stderr
