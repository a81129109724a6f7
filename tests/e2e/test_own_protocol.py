"""A protocol is one file: a folder outside the package adds one, with its own grades, fusion, charting and codes, for the whole road."""

import subprocess
from pathlib import Path

from tests.e2e.wince_run import AT
from wince import settings
from wince.demo import play, scenario
from wince.protocols import loader

GRADES = ("stoat", "marten", "polecat", "badger", "wolverine")
REPOSITORY = Path(__file__).resolve().parents[2]


CHANGED = {
    'name = "activity"': 'name = "mustelid"',
    "every_s = 3600": "every_s = 7200",
    "max_per_day = 40": "max_per_day = 30",
    'fusion = "mean"': 'fusion = "majority"',
    'grade = "high"': 'grade = "badger"',
}
CODES = """[codes]
system = "urn:site:mustelid"
code = "mustelid-face"
display = "Face of the mustelid scale"
unit = "claw"
unit_code = "{claw}"
category = "exam"
method = "site method"
"""


def write(folder: Path) -> Path:
    """`activity` with everything that a site may change changed."""
    text = (loader.SHIPPED / "activity.toml").read_text("utf-8")
    for old, new in CHANGED.items():
        assert old in text
        text = text.replace(old, new, 1)
    head, rest = text.split("[scale]", 1)
    detect = rest[rest.index("[detect]") : rest.index("[codes]")]
    grades = ",".join(f'{{ name = "{name}", min = {cut} }}' for name, cut in zip(GRADES, (0, 1, 3, 5, 9), strict=True))
    scale = f'[scale]\nname = "mustelid scale"\nlow = 0\nhigh = 16\ngrades = [{grades}]\nsource = "ours"\n\n'
    codes = CODES + "".join(
        f'\n[codes.grades.{name}]\nsystem = "urn:site:mustelid"\ncode = "{name}"\ndisplay = "{name.title()}"\n' for name in GRADES
    )
    folder.mkdir()
    path = folder / "mustelid.toml"
    path.write_text(head + scale + detect + codes, "utf-8")
    return path


def test_one_file_is_enough(tmp_path, state_dir, monkeypatch):
    """Its grades, its codes and its unit arrive in the EHR; the word stands in no file of the product."""
    path = write(tmp_path / "protocols")
    monkeypatch.setenv("WINCE_STATE_DIR", str(state_dir / "state"))
    monkeypatch.setenv("WINCE_PROTOCOL_DIR", str(path.parent))
    monkeypatch.setenv("WINCE_PROTOCOL", "mustelid")
    seen = []

    def look(road):
        seen.append(road)

    whole = scenario.bundled()
    done = play.play(settings.load(), scenario.Scenario(whole.beds[:1]), play.moment(AT), lambda *_: None, admitted=look)
    (bed,) = done.beds
    assert bed.alerts >= 1
    assert set(bed.grades) <= set(GRADES)
    assert done.observations == done.in_ehr > 0
    (sandbox,) = {road.sandbox for road in seen}
    with sandbox:
        found = sandbox.resources("Observation")
    assert {coding["code"] for one in found for coding in one["code"]["coding"]} == {"mustelid-face"}
    assert {(one["valueQuantity"]["unit"], one["valueQuantity"]["code"]) for one in found if "valueQuantity" in one} == {("claw", "{claw}")}
    assert {one["category"][0]["coding"][0]["code"] for one in found} == {"exam"}
    assert any("wolverine" in str(one) or "badger" in str(one) for one in found)


def test_the_words_stand_nowhere_else():
    """No grade name of that protocol is known to the product."""
    for word in ("mustelid", *GRADES):
        command = ["git", "grep", "-l", word, "--", "services", "protos"]
        found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert found.stdout == ""
