"""Write profiles: what a kind of server is given, and what a site must say for it."""

import json
import tomllib
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.contract.ehr.samples import ACTIVITY, PROTOCOLS, entry, question, samples
from wince.delivery.fhir.bundle import bundle
from wince.delivery.fhir.parts import Software
from wince.delivery.fhir.profiles import profile
from wince.delivery.fhir.profiles.profile import NAMES, Writing
from wince.delivery.fhir.target import FhirTarget
from wince.delivery.interface import Outcome, Taken
from wince.delivery.site_code import SiteCode
from wince.delivery.standing import STANDINGS
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.domain.stay import Identifier
from wince.errors import ConfigError, MessageError
from wince.fhir.client import FhirClient
from wince.fhir.invariants import problems

FLOWSHEET = "http://open.epic.com/FHIR/StructureDefinition/observation-flowsheet-id"


def writing(name: str, **options: Any) -> Writing:
    codes = (SiteCode("activity", FLOWSHEET, "3040123456", "Facial activity"),)
    return Writing(profile.load(name), site_codes=codes, **options)


def resources(item: Entry | TaskEntry, how: Writing) -> list[dict[str, Any]]:
    return [part["resource"] for part in bundle(item, PROTOCOLS, Software("0.1.0", "ward-7", "https://e/fhir", how))["entry"]]


@pytest.mark.parametrize("standing", STANDINGS)
@pytest.mark.parametrize("name", NAMES)
def test_what_a_profile_takes_is_valid(name: str, standing: str) -> None:
    how = writing(name, standing={"activity": standing}, names_profiles=True, owner=Identifier("urn:x", "TEAM"))
    for item in samples().values():
        if how.takes(item):
            for made in resources(item, how):
                assert problems(made) == []
                assert made["resourceType"] in ("Observation", "Task", "CommunicationRequest", *how.profile.beside)
                if made["resourceType"] == "Observation" and made["status"] != "entered-in-error":
                    assert made["status"] in how.profile.statuses


@pytest.mark.parametrize(
    ("standing", "item", "taken"),
    [
        ("research", entry(), False),
        ("research", entry(revision=2, status="final", nurse="N-1"), False),
        ("research", samples()["verdict-score"], True),
        ("approved", entry(), False),
        ("approved", entry(revision=2, status="final", nurse="N-1"), True),
        ("approved", entry(revision=3, status="entered-in-error", nurse="N-1"), True),
        ("final", entry(), True),
        ("final", entry(Kind.UNASSESSABLE), True),
        ("final", question(), False),
    ],
)
def test_a_server_of_final_values_gets_what_the_site_lets_stand(standing: str, item: Entry | TaskEntry, taken: bool) -> None:
    how = writing("epic", standing={"activity": standing})
    assert how.takes(item) is taken
    target = FhirTarget("epic", FhirClient("https://e/fhir"), PROTOCOLS, version="1", writing=how)
    assert (target.render(item) is not Taken.NOTHING) is taken


def test_epic_gets_a_final_flowsheet_row_and_nothing_else() -> None:
    [made] = resources(entry(), writing("epic", standing={"activity": "final"}))
    assert made["status"] == "final"
    assert made["code"]["coding"][0] == {"system": FLOWSHEET, "code": "3040123456", "display": "Facial activity"}
    assert made["category"][0]["coding"][0]["code"] == "vital-signs"
    assert made["effectiveDateTime"] == "2023-11-14T22:15:00.000Z"
    assert not {"effectivePeriod", "component", "extension", "device", "performer", "referenceRange", "text"} & set(made)
    assert "urn:wince" in made["identifier"][1]["system"]


def test_without_the_code_that_a_profile_needs_nothing_is_written() -> None:
    how = Writing(profile.load("epic"), standing={"activity": "final"})
    with pytest.raises(ConfigError, match="activity"):
        profile.check(how, PROTOCOLS, PROTOCOLS)
    profile.check(writing("epic"), PROTOCOLS, PROTOCOLS)
    with pytest.raises(MessageError) as caught:
        resources(entry(), how)
    assert caught.value.field == "ehr_codes"
    with pytest.raises(ConfigError, match="nobody"):
        profile.check(replace(how, site_codes=(SiteCode("nobody", "urn:x", "y"),)), PROTOCOLS, PROTOCOLS)


def test_final_without_a_nurse_is_only_what_the_site_lets_stand() -> None:
    assert resources(entry(), writing("r4"))[0]["status"] == "preliminary"
    assert resources(entry(), writing("r4", standing={"activity": "approved"}))[0]["status"] == "preliminary"
    assert resources(entry(), writing("r4", standing={"activity": "final"}))[0]["status"] == "final"
    assert resources(entry(status="entered-in-error"), writing("r4", standing={"activity": "final"}))[0]["status"] == "entered-in-error"


@pytest.mark.parametrize(
    ("change", "field"),
    [({"colour": 1}, "colour"), ({"title": None}, "title"), ({"updates": "yes"}, "updates"), ({"effective": "never"}, "effective")],
)
def test_a_profile_s_file_is_checked(change: dict[str, Any], field: str) -> None:
    right = tomllib.loads((profile.FOLDER / "r4.toml").read_text())
    made = {key: value for key, value in {**right, **change}.items() if value is not None}
    with pytest.raises(ConfigError) as caught:
        profile.parse("r4", made)
    assert field in caught.value.field


class Ehr:
    """Epic as it is described: no update, no If-None-Exist."""

    def __init__(self, interactions: tuple[str, ...] = ("create", "search-type")) -> None:
        self.interactions, self.observations, self.asked = interactions, list[dict[str, Any]](), list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        kind = request.url.path.split("/")[2]
        self.asked.append(f"{request.method} {kind}")
        if kind == "metadata":
            rest = [{"type": "Observation", "interaction": [{"code": code} for code in self.interactions], "conditionalCreate": True}]
            rest += [{"type": name, "interaction": [{"code": "search-type"}]} for name in ("Patient", "Encounter")]
            server = {"mode": "server", "resource": rest}
            return httpx.Response(200, json={"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [server]})
        if request.method == "GET":
            system, _, value = request.url.params["identifier"].partition("|")
            named = {"identifier": [{"system": system, "value": value}]}
            hits: list[dict[str, Any]] = {
                "Patient": [{"resourceType": "Patient", "id": "1", **named}],
                "Encounter": [{"resourceType": "Encounter", "id": "2", "subject": {"reference": "Patient/1"}, **named}],
                "Observation": [one for one in self.observations if one["identifier"][0]["value"] == value],
            }[kind]
            return httpx.Response(200, json={"resourceType": "Bundle", "entry": [{"resource": hit} for hit in hits]})
        assert (request.method, kind) == ("POST", "Observation")
        assert "if-none-exist" not in request.headers
        self.observations.append({**json.loads(request.content), "id": "77", "meta": {"versionId": "1"}})
        return httpx.Response(201, headers={"Location": "https://e/fhir/Observation/77/_history/1"})

    def target(self, name: str = "epic") -> FhirTarget:
        how = writing(name, standing={"activity": "final"})
        return FhirTarget("ehr", FhirClient("https://e/fhir", transport=httpx.MockTransport(self)), PROTOCOLS, version="1", writing=how)


def test_what_can_not_be_taken_back_is_a_persons_to_do() -> None:
    server, item = Ehr(), entry()
    target = server.target()
    body = [target.render(replace(item, revision=number, status=status)) for number, status in enumerate(("final", "entered-in-error"), 1)]
    first = target.deliver(str(body[0]))
    assert (first.outcome, first.location) == (Outcome.WRITTEN, "Observation/77")
    assert target.deliver(str(body[0])).outcome is Outcome.WRITTEN
    assert server.asked.count("POST Observation") == 1
    withdrawn = target.deliver(str(body[1]), first.location, first.version)
    assert withdrawn.outcome is Outcome.BY_HAND
    assert "Observation/77" in withdrawn.detail
    found = server.target().deliver(str(body[1]))  # its first revision's place was never kept
    assert (found.outcome, found.location) == (Outcome.BY_HAND, "Observation/77")
    again = target.deliver(str(target.render(replace(item, revision=3))), withdrawn.location, withdrawn.version)
    assert again.outcome is Outcome.BY_HAND
    assert "restore" in again.detail


def test_what_never_got_there_need_not_be_taken_back() -> None:
    target = Ehr().target()
    done = target.deliver(str(target.render(entry(revision=2, status="entered-in-error"))))
    assert (done.outcome, done.location) == (Outcome.WRITTEN, "")


def test_a_profile_names_what_the_server_does_not_declare() -> None:
    assert Ehr().target().lacking() == []
    assert Ehr(("search-type",)).target().lacking() == ["Observation.create"]
    assert "Observation.update" in Ehr().target("oracle").lacking()


def test_the_table_of_what_is_charted_names_all_grades() -> None:
    """Every range has a type, and none is the normal one; the alert's grade carries H."""
    made = resources(entry(grade=2, grade_name="high", score=7.4), writing("r4"))[0]
    kinds = [one["type"]["coding"][0]["code"] for one in made["referenceRange"]]
    assert kinds == ["scale", *["grade"] * len(ACTIVITY.scale.grades)]
    assert [coding["code"] for coding in made["interpretation"][0]["coding"]] == ["high", "H"]
    quiet = resources(entry(grade=0, grade_name="quiet", score=0.5), writing("r4"))[0]
    assert [coding["code"] for coding in quiet["interpretation"][0]["coding"]] == ["quiet"]
