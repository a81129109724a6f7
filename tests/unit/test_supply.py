"""What Wince is made of: every package and library has a licence that somebody looked at, and the bills of materials are whole."""

from __future__ import annotations

import re
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest

from requirements import sbom

ROOT = Path(__file__).resolve().parents[2]


TODAY = date(2026, 11, 30)


@pytest.fixture(scope="module")
def bills() -> dict[str, list[object]]:
    return sbom.bills()


def test_nothing_is_installed_that_nobody_looked_at(bills: dict[str, list[object]]) -> None:
    assert sbom.faults(bills, TODAY) == []


def test_a_package_without_a_licence_and_one_that_asks_for_more_are_named() -> None:
    parts = [sbom.Part("strange", "1", ""), sbom.Part("copyleft", "1", "GPL-3.0-only"), sbom.Part("either", "1", "GPL-2.0-only OR MIT")]
    found = sbom.faults({"base": [*parts, sbom.Part("wheel", "1", "MIT", parts=[sbom.Part("libnew.so", "", "")])]}, TODAY)
    assert [line.split(":")[1].strip() for line in found] == ["strange", "strange", "copyleft", "wheel", "wheel"]


def test_an_exception_is_looked_at_again_on_its_day(bills: dict[str, list[object]]) -> None:
    late = sbom.faults(bills, date(2031, 1, 1))
    assert len(late) == len(sbom.TABLES["exception"]) + len(sbom.WEAKNESSES["weakness"])


def test_every_locked_package_of_this_platform_stands_in_the_bill(bills: dict[str, list[object]]) -> None:
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements/base.txt").read_text("utf-8"), re.MULTILINE))
    named = {part.name for name in ("base", "embedded") for part in bills[name]}
    build_only = {"editables", "hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers", "fasteners"}
    assert locked - named - build_only - {"colorama", "openvino-telemetry", "tzdata"} == set()


def test_a_bill_is_valid_and_the_same_every_time(bills: dict[str, list[object]]) -> None:
    validation = pytest.importorskip("cyclonedx.validation.json")
    from cyclonedx.schema import SchemaVersion

    for name, parts in bills.items():
        text = sbom.bom(name, parts)
        assert validation.JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
        assert text == sbom.bom(name, parts)
    base = sbom.bom("base", bills["base"])
    assert '"pkg:pypi/av@' in base
    assert "libx264" in base
    assert "GPL-2.0-or-later" in base


def test_the_page_of_licences_is_what_the_tables_say() -> None:
    if sys.version_info[:2] != (3, 11) or sys.platform != "linux":
        pytest.skip("the page is written on Linux with Python 3.11")
    assert (ROOT / "docs/reference/licences.md").read_text("utf-8") == sbom.page()


def test_another_jar_than_the_one_that_was_looked_at_is_refused(tmp_path: Path) -> None:
    jar = tmp_path / "model-server.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("com/evil/New.class", b"x")
    with pytest.raises(ValueError, match="com/evil/New"):
        sbom.jar(jar)
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("org/yaml/snakeyaml/Yaml.class", b"x")
    with pytest.raises(ValueError, match="is not that of"):
        sbom.jar(jar)
