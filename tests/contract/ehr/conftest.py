"""Two EHRs under one interface: the sandbox, and HAPI FHIR with SMART on, which validates all that it is given, knowing nothing of us."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.contract.ehr.samples import PROTOCOLS, fresh_stay
from wince.delivery.fhir.target import FhirTarget
from wince.domain.stay import Identifier
from wince.fhir.answer import Answer
from wince.fhir.client import FhirClient
from wince.fhir.scopes import WRITER_SCOPE
from wince.fhir.smart import SmartAuth
from wince.testing.ehr import Credentials, EhrSandbox
from wince.testing.peers import HapiPeer, available


@dataclass
class Ehr:
    """A running server, as a test sees it."""

    name: str
    base_url: str
    key: Credentials
    admin: FhirClient = field(init=False)

    def __post_init__(self) -> None:
        self.admin = self.client("system/*.crus")

    def client(self, scope: str = WRITER_SCOPE, timeout_s: float = 60) -> FhirClient:
        auth = SmartAuth(self.base_url, self.key.client_id, self.key.key_pem, self.key.kid, scope, timeout_s=timeout_s)
        return FhirClient(self.base_url, auth=auth, timeout_s=timeout_s)

    def warm_up(self) -> None:
        """HAPI makes its validator at the first write: 20 s of a processor that others want, too."""
        body = b'{"resourceType": "Medication", "id": "warm-up"}'
        answer = self.client("system/*.crus", timeout_s=200).request("PUT", "Medication/warm-up", body=body)
        assert answer.status in (200, 201), answer.summary()

    def target(self, **options: Any) -> FhirTarget:
        return FhirTarget(self.name, self.client(), PROTOCOLS, version="0.1.0", site="test", **options)

    def put(self, resource: dict[str, Any]) -> Answer:
        place = f"{resource['resourceType']}/{resource['id']}"
        answer = self.admin.request("PUT", place, body=json.dumps(resource).encode())
        assert answer.status in (200, 201), answer.summary()
        return answer

    def patient(self, identifier: Identifier, identity: str, **more: Any) -> None:
        named = {"identifier": [{"system": identifier.system, "value": identifier.value}]}
        self.put({"resourceType": "Patient", "id": identity, **named, **more})

    def encounter(self, identifier: Identifier, identity: str, patient: str, status: str = "in-progress") -> None:
        self.put(
            {
                "resourceType": "Encounter",
                "id": identity,
                "identifier": [{"system": identifier.system, "value": identifier.value}],
                "status": status,
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
                "subject": {"reference": f"Patient/{patient}"},
            }
        )

    def admit(self) -> tuple[Identifier, Identifier]:
        """A new patient with an encounter."""
        mrn, visit = fresh_stay()
        self.patient(mrn, mrn.value)
        self.encounter(visit, visit.value, mrn.value)
        return mrn, visit

    def found(self, kind: str, **query: str) -> list[dict[str, Any]]:
        answer = self.admin.request("GET", kind, params=query)
        assert answer.status == 200, answer.summary()
        return [entry["resource"] for entry in answer.resource.get("entry", [])]


@pytest.fixture(scope="session", params=["sandbox", pytest.param("hapi", marks=pytest.mark.peer)])
def ehr(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    directory = tmp_path_factory.mktemp(request.param)
    with EhrSandbox(directory) as sandbox:
        key = sandbox.new_client("wince", "system/*.crus")
        if request.param == "sandbox":
            yield Ehr("sandbox", sandbox.base_url, key)
            return
    if reason := available():
        pytest.skip(f"HAPI FHIR: {reason}")
    with HapiPeer(directory, clients={key.kid: key.key_pem}, validate=True) as hapi:
        made = Ehr("hapi", hapi.base_url, key)
        made.warm_up()
        yield made
