"""The site as settings say it; without a zone there is none."""

from __future__ import annotations

import sys
import zoneinfo
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from wince.errors import ConfigError
from wince.hl7.segments import Authority
from wince.hospital.site import system
from wince.serve import site
from wince.settings import Settings, load


def test_without_a_zone_no_listener_starts_but_a_feed_of_our_own_may_name_one() -> None:
    with pytest.raises(ConfigError) as caught:
        site.of(Settings())
    assert caught.value.field == "time_zone"
    assert "WINCE_TIME_ZONE" in caught.value.remedy
    assert site.of(Settings(), zone=UTC).zone is UTC
    assert site.of(Settings(time_zone="Europe/Berlin"), zone=UTC).zone == ZoneInfo("Europe/Berlin")


def test_a_machine_without_time_zones_is_told_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slim image has none. It said that Europe/Berlin is no zone, with Europe/Berlin as the remedy."""
    monkeypatch.setenv("WINCE_TIME_ZONE", "Europe/Berlin")
    monkeypatch.setitem(sys.modules, "tzdata", None)  # the package of that name would stand in for the machine's own
    try:
        zoneinfo.reset_tzpath([tmp_path])
        ZoneInfo.clear_cache()
        with pytest.raises(ConfigError) as caught:
            load()
    finally:
        zoneinfo.reset_tzpath()
    assert "time_zone" in caught.value.field
    assert "install the package tzdata" in f"{caught.value.message} {caught.value.remedy}"
    monkeypatch.setenv("WINCE_TIME_ZONE", "Europe/Nowhere")
    with pytest.raises(ConfigError, match="Europe/Berlin"):
        load()


def test_what_is_set_is_what_the_listener_goes_by() -> None:
    settings = Settings(
        site="s", time_zone="UTC", patient_authority="HOSP&1.2.3&ISO", patient_id_types=("mr",), visit_number="PID-18",
        facilities=("NORTH",), production_site=False, control_id_window_h=1,
    )  # fmt: skip
    made = site.of(settings)
    assert (made.name, made.id_types, made.visit_number, made.facilities, made.production) == ("s", ("MR",), "PID-18", ("NORTH",), False)
    assert made.own == Authority("HOSP", "1.2.3", "ISO")
    assert made.window_us == 3600 * 1_000_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WINCE_TIME_ZONE", "Mars/Olympus"),
        ("WINCE_TIME_ZONE", "../../etc/passwd"),
        ("WINCE_PATIENT_AUTHORITY", "A^B"),
        ("WINCE_PATIENT_ID_TYPES", "[]"),
        ("WINCE_PATIENT_ID_TYPES", '["M^R"]'),
        ("WINCE_FACILITIES", '["N&S"]'),
        ("WINCE_VISIT_NUMBER", "PV1-5"),
        ("WINCE_CONTROL_ID_WINDOW_H", "-1"),
        ("WINCE_IDENTIFIER_SYSTEMS", '[{"authority": "A", "system": "no uri"}]'),
        ("WINCE_IDENTIFIER_SYSTEMS", '[{"authority": "A", "system": "urn:a"}, {"authority": "A", "system": "urn:b"}]'),
    ],
)
def test_what_can_not_be_meant_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load()
    assert name.removeprefix("WINCE_").lower() in caught.value.field


def test_an_authority_has_the_system_of_the_fhir_server_under_every_name() -> None:
    entries = [{"authority": "HOSP", "system": "https://h/mrn"}, {"authority": "1.2.3", "system": "https://h/visit"}]
    known = site.systems(Settings.model_validate({"identifier_systems": entries}))
    assert known[system(Authority("HOSP"))] == "https://h/mrn"
    assert known[system(Authority("X", "1.2.3", "ISO"))] == "https://h/visit"
    entries = [{"authority": "HOSP", "system": "https://h/mrn"}]
    known = site.systems(Settings.model_validate({"identifier_systems": entries, "patient_authority": "HOSP&1.2.3&ISO"}))
    assert known["urn:oid:1.2.3"] == "https://h/mrn", "the site's own authority has one URI in every message"
    uuid = "6b0ff6a0-7c5f-4a0a-9c2e-0d6c6f0f1f11"
    known = site.systems(Settings.model_validate({"identifier_systems": [{"authority": uuid, "system": "urn:x"}]}))
    assert known[system(Authority("", uuid, "UUID"))] == "urn:x"
