"""Every kind of target with a receiver of its kind, under one interface. A new kind is a class here and its line in KINDS."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, Self
from uuid import UUID

from tests.contract.ehr.samples import PROTOCOLS, fresh_stay
from tests.contract.targets.archive_receiver import ArchiveReceiver, archive_target
from wince.delivery.fhir.target import FhirTarget
from wince.delivery.interface import Target
from wince.delivery.oru.channel import Channel
from wince.delivery.oru.profiles.profile import Writing
from wince.delivery.oru.profiles.profile import load as load_profile
from wince.delivery.oru.target import OruTarget
from wince.domain.stay import Identifier
from wince.fhir.client import FhirClient
from wince.fhir.smart import SmartAuth
from wince.testing.ehr import Credentials, EhrSandbox
from wince.testing.hl7.receiver import RIGHT, Fault
from wince.testing.hl7.receiver import Receiver as Hl7Receiver


class Receiver(Protocol):
    """A receiver of one kind, as a test sees it. A context manager."""

    kind: str
    """As in `serve.targets.every.KINDS`."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def admit(self) -> tuple[Identifier, Identifier]:
        """A patient and an encounter that it knows; new ones each time."""
        ...

    def seed(self, patient: Identifier, encounter: Identifier) -> None:
        """It knows these too."""
        ...

    def reached(self) -> dict[str, Any]:
        """Plain values from which `target` makes a target, in another process too."""
        ...

    def stands(self, entry: UUID) -> list[str]:
        """Status of each thing that stands there for an entry, in our words (preliminary, final, corrected, entered-in-error)."""
        ...

    def entries(self) -> set[UUID]:
        """Every entry for which something stands there."""
        ...

    def lose_answer(self) -> None:
        """It does what it is asked next, and its answer to that is lost."""
        ...

    def busy_once(self) -> None:
        """It answers the next one that it can't for now; nothing is done."""
        ...

    def refuse(self, *, all_of_it: bool) -> None:
        """It refuses Wince as a whole; or no longer."""
        ...


def target(kind: str, said: dict[str, Any], name: str = "") -> Target:
    """A target of a kind, new as after a restart, from what its receiver said of itself."""
    return MAKERS[kind](said, name or kind)


class FhirReceiver:
    """The FHIR sandbox."""

    kind = "ehr"

    def __init__(self, directory: Path) -> None:
        self.sandbox = EhrSandbox(directory / "ehr")

    def __enter__(self) -> Self:
        self.sandbox.start()
        self.key = self.sandbox.new_client()
        return self

    def __exit__(self, *_: object) -> None:
        self.sandbox.stop()

    def admit(self) -> tuple[Identifier, Identifier]:
        patient, encounter = fresh_stay()
        self.seed(patient, encounter)
        return patient, encounter

    def seed(self, patient: Identifier, encounter: Identifier) -> None:
        self.sandbox.seed([patient], [(encounter, patient)])

    def reached(self) -> dict[str, Any]:
        key = self.key
        return {"url": self.sandbox.base_url, "client": key.client_id, "pem": key.key_pem.decode(), "kid": key.kid, "scope": key.scope}

    def _standing(self) -> list[tuple[UUID, str]]:
        found = [*self.sandbox.resources("Observation"), *self.sandbox.resources("Task")]
        return [(UUID(one["identifier"][0]["value"].removeprefix("urn:uuid:")), one["status"]) for one in found]

    def stands(self, entry: UUID) -> list[str]:
        return [status for identity, status in self._standing() if identity == entry]

    def entries(self) -> set[UUID]:
        return {identity for identity, _ in self._standing()}

    def lose_answer(self) -> None:
        self.sandbox.faults.add("commit_then_drop", on="create", resource="Observation", count=1)

    def busy_once(self) -> None:
        self.sandbox.faults.add("status", on="create", resource="Observation", status=503, count=1)

    def refuse(self, *, all_of_it: bool) -> None:
        self.sandbox.faults.clear()
        if all_of_it:
            self.sandbox.faults.add("status", status=403)


def _fhir(said: dict[str, Any], name: str) -> Target:
    key = Credentials(said["client"], said["pem"].encode(), said["kid"], said["scope"])
    auth = SmartAuth(said["url"], key.client_id, key.key_pem, key.kid, key.scope)
    return FhirTarget(name, FhirClient(said["url"], auth=auth), PROTOCOLS, version="0.1.0", site="test")


class OruReceiver:
    """A listener of HL7 v2 that files each message under its control id, as interface engines do."""

    kind = "oru"

    def __init__(self, _directory: Path) -> None:
        self._faults: list[Fault] = []
        self._always = RIGHT
        self.hl7 = Hl7Receiver(script=self._fault)

    def _fault(self, _number: int) -> Fault:
        return self._faults.pop(0) if self._faults else self._always

    def __enter__(self) -> Self:
        self.hl7.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hl7.stop()

    def admit(self) -> tuple[Identifier, Identifier]:
        return fresh_stay()

    def seed(self, patient: Identifier, encounter: Identifier) -> None:
        """A receiver that knows nobody takes everybody."""

    def reached(self) -> dict[str, Any]:
        return {"port": self.hl7.port}

    def messages(self) -> list[tuple[UUID, str]]:
        """Filler order number and status of each message that was filed, in order."""
        found = []
        for raw in self.hl7.filed.values():
            fields = {line[:3]: line.split("|") for line in reversed(raw.decode().split("\r"))}
            found.append((UUID(fields["OBR"][3].split("^")[0]), _STATUS.get(fields["OBX"][11], "preliminary")))
        return found

    def stands(self, entry: UUID) -> list[str]:
        """What was filed last; and beside it what was filed twice under two control ids, as revisions differ in their status here."""
        filed = [status for identity, status in self.messages() if identity == entry]
        return [*filed[-1:], *(status for status in set(filed) if filed.count(status) > 1)]

    def entries(self) -> set[UUID]:
        return {identity for identity, _ in self.messages()}

    def lose_answer(self) -> None:
        self._faults.append(Fault("drop"))

    def busy_once(self) -> None:
        self._faults.append(Fault("AE", "207"))

    def refuse(self, *, all_of_it: bool) -> None:
        self._faults.clear()
        self._always = Fault("AR", "203") if all_of_it else RIGHT


_STATUS = {"P": "preliminary", "F": "final", "C": "corrected", "W": "entered-in-error"}


def _oru(said: dict[str, Any], name: str) -> Target:
    channel = Channel("127.0.0.1", said["port"], timeout_s=5)
    return OruTarget(name, channel, PROTOCOLS, Writing(load_profile("v251"), version="0.1.0"))


KINDS: dict[str, Callable[[Path], AbstractContextManager[Receiver]]] = {"ehr": FhirReceiver, "oru": OruReceiver, "archive": ArchiveReceiver}
MAKERS: dict[str, Callable[[dict[str, Any], str], Target]] = {"ehr": _fhir, "oru": _oru, "archive": archive_target}
