"""A protocol is one file; whatever is wrong in it is named."""

from __future__ import annotations

import copy
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from wince.cli.main import build
from wince.domain.population import Age, Population
from wince.errors import ProtocolError
from wince.protocols import loader
from wince.protocols.source import MAX_BYTES
from wince.serve import protocols
from wince.settings import load

CONTROLS = ("\\u0000", "a\\u001b[2J", "two\\r\\nlines")

TITLE = "Facial activity of adults"

ACTIVITY = tomllib.loads((loader.SHIPPED / "activity.toml").read_text())

MEMBERS = 'members = [{ name = "own-a", backbone = "vgg16" }, { name = "own-b", backbone = "resnet50" }]'
OWN = (
    (loader.SHIPPED / "activity.toml")
    .read_text()
    .replace('name = "activity"', 'name = "ward-five"')
    .replace('scorer = "activity"', 'scorer = "ensemble"\nclasses = ["g0", "g1", "g2", "g3", "g4"]\n' + MEMBERS)
    .replace('fusion = "mean"', 'fusion = "weighted"\nweights = [2, 1]')
    .replace('method = "none"', 'method = "site"')
    .replace('grade = "high"', 'grade = "g3"')
)
FIVE = ", ".join(f'{{ name = "g{i}", min = {3 * i} }}' for i in range(5))
OWN = OWN.split("grades = [")[0] + f"grades = [{FIVE}]\nsource" + OWN.split("]\nsource", 1)[1]
OWN = OWN.split("[codes.grades.quiet]")[0] + "\n".join(
    f'[codes.grades.g{i}]\nsystem = "urn:site:codes"\ncode = "own-{i}"\ndisplay = "Own {i}"' for i in range(5)
)


def changed(key: str, value: object) -> dict[str, Any]:
    content: dict[str, Any] = copy.deepcopy(ACTIVITY)
    *path, last = key.split(".")
    table = content
    for part in path:
        table = table[part]
    if value is KeyError:
        del table[last]
    else:
        table[last] = value
    return content


def test_activity_is_whole() -> None:
    """The default is for adults, 0-16, three grades, and says that it is not validated."""
    protocol = loader.load("activity")
    assert [band.name for band in protocol.scale.grades] == ["quiet", "low", "high"]
    assert (protocol.scale.low, protocol.scale.high, protocol.window_us) == (0, 16, 5_000_000)
    assert "not validated" in protocol.report.label
    assert protocol.population.fits(date(2008, 11, 21), date(2026, 11, 21))
    assert not protocol.population.fits(date(2008, 11, 22), date(2026, 11, 21))
    assert not protocol.population.fits(None, date(2026, 11, 21)), "an unknown age does not fit an age limit"


def test_a_file_alone_adds_a_protocol(tmp_path: Path) -> None:
    """Five grades, fusion, charting and codes of its own, from a folder outside the package."""
    (tmp_path / "ward-five.toml").write_text(OWN)
    dirs = loader.folders(str(tmp_path))
    assert set(loader.available(dirs)) - set(loader.available()) == {"ward-five"}
    protocol = loader.load("ward-five", dirs)
    assert len(protocol.scale.grades) == 5
    assert protocol.estimate.weights == (2.0, 1.0)
    assert protocol.codes.grades["g4"].code == "own-4"
    assert protocol.rule != loader.load("activity", dirs).rule


def test_several_folders_are_searched_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As `WINCE_PROTOCOL_DIR` names them, by every command; one that is no folder is named."""
    for name, title in (("a", "Of a"), ("b", "Of b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ward-five.toml").write_text(OWN.replace(TITLE, title))
    (tmp_path / "b" / "ward-six.toml").write_text(OWN.replace("ward-five", "ward-six"))
    monkeypatch.setenv("WINCE_PROTOCOL_DIR", f"{tmp_path}/a:{tmp_path}/b")
    read = protocols.folders(load())
    assert read == (tmp_path / "a", tmp_path / "b", loader.SHIPPED)
    assert loader.load("ward-five", read).title == "Of a"
    assert loader.load("ward-six", read).title == TITLE
    result = CliRunner().invoke(build(["protocols"]), ["protocols", "list"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "ward-six" in result.output
    monkeypatch.setenv("WINCE_PROTOCOL_DIR", f"{tmp_path}/a:{tmp_path}/none")
    with pytest.raises(ProtocolError) as error:
        loader.load("activity", protocols.folders(load()))
    assert error.value.field == f"{tmp_path}/none"


def test_site_file_takes_precedence(tmp_path: Path) -> None:
    """A site's activity.toml stands in for the shipped one."""
    shipped = (loader.SHIPPED / "activity.toml").read_text()
    (tmp_path / "activity.toml").write_text(shipped.replace("Facial activity of adults", "Of this site"))
    assert loader.load("activity", loader.folders(str(tmp_path))).title == "Of this site"
    assert loader.load("activity", loader.folders(None)).title == "Facial activity of adults"


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("surprise", 1, "surprise"),
        ("detect.max_jaw", 3, "detect.max_jaw"),
        ("grade.alert.loud", True, "grade.alert.loud"),
        ("population", KeyError, "population"),
        ("population.name", KeyError, "population.name"),
        ("population.name", " ", "population.name"),
        ("population.min_age", "grown up", "population.min_age"),
        ("population.max_age", "17y", "population.max_age"),
        ("population.state", "asleep", "population.state"),
        ("scale.high", -1, "scale.high"),
        ("scale.grades", [{"name": "a", "min": 0}], "scale.grades"),
        ("scale.grades", [{"name": "a", "min": 0}, {"name": "a", "min": 1}], "scale.grades"),
        ("scale.grades", [{"name": "a", "min": 0}, {"name": "b", "min": 99}], "scale.grades[1].min"),
        ("scale.grades", [{"name": "a", "min": 0}, {"name": "b", "min": "1"}], "scale.grades[1].min"),
        ("detect.rate_hz", 0, "detect.rate_hz"),
        ("detect.max_yaw", 91, "detect.max_yaw"),
        ("detect.max_occlusion", float("nan"), "detect.max_occlusion"),
        ("detect.full_range", "yes", "detect.full_range"),
        ("estimate.models", [], "estimate.models"),
        ("estimate.fusion", "vote", "estimate.fusion"),
        ("estimate.weights", [1.0], "estimate.weights"),
        ("window.length_s", 7, "window.length_s"),
        ("window.min_share", 0, "window.min_share"),
        ("grade.debounce_frames", 26, "grade.debounce_frames"),
        ("grade.debounce_frames", 2.5, "grade.debounce_frames"),
        ("grade.min_confidence", 1.2, "grade.min_confidence"),
        ("grade.alert.grade", "quiet", "grade.alert.grade"),
        ("chart.max_per_day", 41, "chart.max_per_day"),
        ("chart.max_per_day", 24, "chart.max_per_day"),
        ("chart.every_s", 60, "chart.every_s"),
        ("report.label", "", "report.label"),
        ("codes.system", "mine", "codes.system"),
        ("codes.category", "pain", "codes.category"),
        ("codes.unit_code", "painlevels", "codes.unit_code"),
        ("codes.grades.quiet", {"system": "http://loinc.org", "code": "72514-3", "display": "what the patient said"}, "codes.grades.quiet"),
        ("codes.grades.quiet", {"system": "http://loinc.org", "code": "72514-4", "display": "no code"}, "codes.grades.quiet"),
        ("codes.grades.quiet", KeyError, "codes.grades.quiet"),
        ("codes.grades.loud", {"system": "urn:x", "code": "a", "display": "b"}, "codes.grades.loud"),
        ("name", "other", "name"),
    ],
)
def test_what_is_wrong_is_named(key: str, value: object, named: str) -> None:
    """The error names the file and the key, and says what to do."""
    with pytest.raises(ProtocolError) as caught:
        loader.parse(changed(key, value), "dir/activity.toml")
    assert caught.value.field == f"dir/activity.toml: {named}"
    assert caught.value.remedy


def test_missing_models_are_named() -> None:
    with pytest.raises(ProtocolError, match="missing: face_blendshapes"):
        loader.load("activity", models={"blazeface_full_range", "face_landmarks", "face_geometry"})


def test_files_that_are_none(tmp_path: Path) -> None:
    """No folder, no such protocol, no TOML, not text, far too large."""
    for content, wanted in ((b"a = = 1", "not TOML"), (b"\xff\xfe", "UTF-16"), (b"#" * (MAX_BYTES + 1), "256 KiB")):
        path = tmp_path / "bad.toml"
        path.write_bytes(content)
        with pytest.raises(ProtocolError, match=wanted):
            loader.load("bad", (tmp_path,))
    with pytest.raises(ProtocolError, match="no such protocol"):
        loader.load("x")
    with pytest.raises(ProtocolError, match="not a folder"):
        loader.available((tmp_path / "absent",))


def test_rule_hash_heeds_content_only(tmp_path: Path) -> None:
    """Comments and order don't change the hash; a threshold does."""
    base = loader.parse(ACTIVITY, "a/activity.toml")
    assert loader.parse(dict(reversed(list(ACTIVITY.items()))), "b/activity.toml").rule == base.rule
    assert loader.parse(changed("grade.min_confidence", 0.51), "a/activity.toml").rule != base.rule
    assert len(base.rule) == 64


@given(st.dates(date(1900, 1, 1), date(2026, 1, 1)), st.integers(0, 40000))
def test_age_is_monotone(birth: date, days: int) -> None:
    """Who has reached an age stays there; 12 months are a year."""
    on = date.fromordinal(min(birth.toordinal() + days, date.max.toordinal() - 1))
    later = date.fromordinal(on.toordinal() + 1)
    for age in (Age(18, "y"), Age(6, "m"), Age(28, "d")):
        assert not age.reached(birth, on) or age.reached(birth, later)
    assert Age(1, "y").reached(birth, on) == Age(12, "m").reached(birth, on)


def test_newborns() -> None:
    """A population may have an upper limit in days."""
    newborn = Population("neonates", max_age=Age(28, "d"))
    assert newborn.fits(date(2026, 1, 1), date(2026, 1, 28))
    assert not newborn.fits(date(2026, 1, 1), date(2026, 1, 29))
    assert not newborn.fits(date(2026, 1, 2), date(2026, 1, 1)), "born after the window"


@pytest.mark.parametrize("text", CONTROLS)
def test_a_control_character_in_any_text_is_named(tmp_path, text):
    file = tmp_path / "activity.toml"
    shipped = (loader.SHIPPED / "activity.toml").read_text()
    file.write_text(shipped.replace('title = "', f'title = "{text}', 1))
    with pytest.raises(ProtocolError) as caught:
        loader.read(file)
    assert caught.value.field == f"{file}:5: title"
