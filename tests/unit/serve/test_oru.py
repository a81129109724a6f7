"""The HL7 receiver by its settings: nothing readable beyond this machine, files that exist, profiles and authorities as the site means."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.contract.ehr.samples import ACTIVITY, PROTOCOLS, entry
from tests.support.certificates import Authority
from wince.delivery.oru.profiles.profile import FOLDER
from wince.domain.stay import Identifier
from wince.errors import ConfigError
from wince.serve import oru
from wince.serve.checks.finding import State
from wince.serve.checks.oru import check as looked_at
from wince.serve.sheet import sheet
from wince.serve.targets import every
from wince.settings import Settings
from wince.testing.hl7.receiver import Receiver

HERE = {"oru_address": "127.0.0.1:2575", "oru_tls": False}


def test_it_is_a_target_beside_the_ehr() -> None:
    with ExitStack() as stack:
        made = every.targets(Settings(**HERE, ehr_url="http://127.0.0.1:9/fhir", ehr_auth="none"), PROTOCOLS, stack)  # type: ignore[arg-type]
        assert [target.name for target in made] == ["ehr", "oru"]
        assert [target.name for target in every.targets(Settings(**HERE), PROTOCOLS, stack)] == ["oru"]  # type: ignore[arg-type]


@pytest.mark.parametrize(("wrong", "field"), [
    ({"oru_address": "engine.example:2575", "oru_tls": False}, "oru_tls"),
    ({**HERE, "oru_ca_file": "/nowhere"}, "oru_ca_file"),
    ({"oru_address": "engine.example:2575", "oru_ca_file": "/nowhere"}, "oru_ca_file=/nowhere"),
    ({"oru_address": "engine.example:2575", "oru_cert_file": "/nowhere"}, "oru_cert_file"),
    ({**HERE, "oru_profile_file": "/nowhere.toml"}, "oru_profile_file"),
])  # fmt: skip
def test_what_can_not_be_meant(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        every.check(Settings(**wrong))
    assert caught.value.field == field
    assert caught.value.remedy


@pytest.mark.parametrize("wrong", [
    {"oru_address": "engine.example"}, {"oru_address": "https://engine:1"}, {"oru_address": "engine:0"}, {"oru_authorities": ["HOSP"]},
    {"oru_codes": [{"protocol": "activity", "system": "LN", "code": "72514-3"}]},
])  # fmt: skip
def test_values_that_are_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)


def test_without_tls_beyond_this_machine_somebody_must_answer_for_it() -> None:
    made = {"oru_address": "engine.example:2575", "oru_tls": False, "insecure_oru_beyond_loopback": True}
    every.check(Settings(**made))  # type: ignore[arg-type]


def test_a_code_of_a_protocol_that_is_not_loaded_is_refused() -> None:
    settings = Settings(**HERE, oru_codes=[{"protocol": "gone", "system": "L", "code": "1"}])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="gone"):
        oru.writing(settings, PROTOCOLS)


def test_authorities_stand_as_the_site_named_them() -> None:
    settings = Settings(**HERE, patient_authority="HOSP&1.2.3&ISO", oru_authorities=["VISITS&9.9&ISO"], time_zone="Europe/Berlin")  # type: ignore[arg-type]
    with ExitStack() as stack:
        [target] = every.targets(settings, PROTOCOLS, stack)
        text = target.render(entry(patient=Identifier("urn:oid:1.2.3", "1"), encounter=Identifier("urn:oid:9.9", "2")))
    assert "|1^^^HOSP&1.2.3&ISO^MR|" in str(text)
    assert "|2^^^VISITS&9.9&ISO^VN" in str(text)
    assert "20231114231500+0100" in str(text)


def test_a_profile_of_the_sites_own(tmp_path: Path) -> None:
    own = tmp_path / "ours.toml"
    own.write_text((FOLDER / "v251.toml").read_text().replace('sheet = ""', 'sheet = "ed"').replace('["summary"]', '["grade"]'))
    with ExitStack() as stack:
        [target] = every.targets(Settings(**HERE, oru_profile_file=own), PROTOCOLS, stack)  # type: ignore[arg-type]
        text = str(target.render(entry()))
    assert "WINCE^AP^PDF^Base64^JVBER" in text


def test_a_sheet_is_one_page_and_the_same_bytes_each_time() -> None:
    item = entry()
    made = sheet(item, ACTIVITY)
    assert made == sheet(item, ACTIVITY)
    assert made.startswith(b"%PDF")
    assert made.count(b"/Type /Page\n") == 1
    assert len(made) < 200_000


def test_doctor_says_whether_it_is_there(tmp_path: Path) -> None:
    assert list(looked_at(Settings())) == []
    with Receiver() as receiver:
        [found] = looked_at(Settings(oru_address=f"127.0.0.1:{receiver.port}", oru_tls=False))
        assert (found.state, "v251" in found.found) == (State.OK, True)
        assert receiver.came == []
        [plain] = looked_at(Settings(oru_address=f"127.0.0.1:{receiver.port}", oru_ca_file=Authority(tmp_path).file))
        assert plain.state is State.MISSING
    [gone] = looked_at(Settings(oru_address=f"127.0.0.1:{receiver.port}", oru_tls=False))
    assert (gone.state, bool(gone.remedy)) == (State.MISSING, True)
