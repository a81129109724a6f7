"""How entries are written: what the settings say, what is refused before anything is sent."""

import httpx
import pytest
from pydantic import ValidationError

from tests.contract.ehr.samples import PROTOCOLS
from wince.delivery.fhir.profiles.profile import R4, Writing
from wince.delivery.fhir.target import FhirTarget
from wince.domain.stay import Identifier
from wince.errors import ConfigError
from wince.fhir.client import FhirClient
from wince.serve.writing import refuse_what_can_not_work, writing
from wince.settings import Settings
from wince.settings.ehr_writing import SiteCoding

LOINC = "http://loinc.org"


def target(*interactions: str) -> FhirTarget:
    """At a server that declares these of every type that Wince writes."""

    def answer(request: httpx.Request) -> httpx.Response:
        listed = [{"code": code} for code in interactions]
        rest = [{"type": kind, "interaction": listed} for kind in ("Observation", "Task", "Patient", "Encounter")]
        statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [{"mode": "server", "resource": rest}]}
        return httpx.Response(200, json=statement) if interactions else httpx.Response(503)

    return FhirTarget("ehr", FhirClient("https://e/fhir", transport=httpx.MockTransport(answer)), PROTOCOLS, version="1")


def test_the_settings_say_how_it_is_written() -> None:
    made = writing(Settings(ehr_question_owner="urn:oid:1.2|TEAM", ehr_standing={"activity": "approved"}, ehr_ai_label="hl7"), PROTOCOLS)
    assert made == Writing(R4, {"activity": "approved"}, hl7_label=True, owner=Identifier("urn:oid:1.2", "TEAM"))


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"ehr_standing": {"nobody": "final"}}, "ehr_standing"),
        ({"ehr_profile": "epic"}, "ehr_codes"),
        ({"ehr_codes": ({"protocol": "nobody", "system": "urn:x", "code": "y"},)}, "ehr_codes"),
    ],
)
def test_what_can_not_be_meant_so_is_refused(said: dict[str, object], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        writing(Settings(**said), PROTOCOLS)  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize("code", ["72514-3", "38208-5", "38208-6"])
def test_a_code_of_self_report_or_of_no_use_is_no_code_of_a_site(code: str) -> None:
    with pytest.raises(ValidationError):
        SiteCoding(protocol="activity", system=LOINC, code=code)


def test_a_site_may_say_that_a_code_of_self_report_is_meant() -> None:
    assert SiteCoding(protocol="activity", system=LOINC, code="72514-3", reported=True).code == "72514-3"


def test_a_server_that_can_not_do_what_is_needed_is_refused_at_the_start() -> None:
    refuse_what_can_not_work([target("create", "read", "update", "search-type")])
    with pytest.raises(ConfigError, match=r"Observation\.update"):
        refuse_what_can_not_work([target("create", "read", "search-type")])


def test_a_server_that_is_away_is_not_judged() -> None:
    refuse_what_can_not_work([target()])
