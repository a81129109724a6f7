"""A protocol is one file: a folder outside the package adds one, with its own grades, fusion, charting and codes, for the whole road."""

import subprocess
from pathlib import Path

from tests.e2e.wince_run import AT
from wince import settings
from wince.protocols import loader
from wince.runtime import play, scenario

GRADES = ("stoat", "marten", "polecat", "badger", "wolverine")
REPOSITORY = Path(__file__).resolve().parents[2]


def write(folder: Path) -> Path:
    """`activity` with everything that a site may change changed."""
    text = (loader.SHIPPED / "activity.toml").read_text("utf-8")
    head, rest = text.split("[scale]", 1)
    scale, rest = rest.split("[detect]", 1)
    body, codes = rest.split("[codes]", 1)
    head = head.replace('name = "activity"', 'name = "mustelid"').replace('title = "Facial activity of adults"', 'title = "Five grades of a site"')
    cuts = (0, 1, 3, 5, 9)
    grades = ",\n".join(f'  {{ name = "{name}", min = {cut} }}' for name, cut in zip(GRADES, cuts, strict=True))
    body = body.replace('grade = "high"', 'grade = "badger"').replace("every_s = 3600", "every_s = 7200").replace("max_per_day = 40", "max_per_day = 30")
    body = body.replace('fusion = "mean"', 'fusion = "majority"')
    codes = 'system = "urn:site:mustelid"\ncode = "mustelid-face"\ndisplay = "Face of the mustelid scale"\nunit = "claw"\nunit_code = "{claw}"\n'
    codes += 'category = "exam"\nmethod = "site method"\n'
    codes += "".join(f'\n[codes.grades.{name}]\nsystem = "urn:site:mustelid"\ncode = "{name}"\ndisplay = "{name.title()}"\n' for name in GRADES)
    folder.mkdir()
    path = folder / "mustelid.toml"
    path.write_text(f'{head}[scale]\nname = "mustelid scale"\nlow = 0\nhigh = 16\ngrades = [\n{grades},\n]\nsource = "ours"\n\n[detect]{body}[codes]\n{codes}')
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
    assert set(bed.grades) <= set(map(str, range(5)))
    assert done.observations == done.in_ehr > 0
    (sandbox,) = {road.sandbox for road in seen}
    with sandbox:
        found = sandbox.resources("Observation")
    assert {coding["code"] for one in found for coding in one["code"]["coding"]} == {"mustelid-face"}
    assert {one["valueQuantity"]["code"] for one in found if "valueQuantity" in one} == {"{claw}"}
    assert {one["category"][0]["coding"][0]["code"] for one in found} == {"exam"}
    assert any("wolverine" in str(one) or "badger" in str(one) for one in found)


def test_the_words_stand_nowhere_else():
    """No grade name of that protocol is known to the product."""
    for word in ("mustelid", *GRADES):
        found = subprocess.run(["git", "grep", "-l", word, "--", "services", "protos"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert found.stdout == ""
