"""What a write profile says, and what a site says of its EHR. Pure."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from wince.delivery import standing
from wince.delivery.site_code import SiteCode
from wince.domain.entry import Entry, TaskEntry
from wince.domain.stay import Identifier
from wince.errors import ConfigError

FOLDER = Path(__file__).parent
NAMES = ("r4", "epic", "oracle")


@dataclass(frozen=True, slots=True)
class WriteProfile:
    """One kind of FHIR server. Every field but `name` is a key of its TOML file."""

    name: str
    title: str
    statuses: tuple[str, ...]
    """Observation.status that the server takes."""
    updates: bool
    """Whether what stands there can be revised or taken back. False: a person corrects it there."""
    searches_first: bool
    """Look for our identifier before each create, whatever the server declares. False: conditional create where it declares that."""
    category: str
    """Code in observation-category that stands for the protocol's own; empty: the protocol's own."""
    code_system: str
    """System of a code that the site must give each protocol (`ehr_codes`); empty: none is needed."""
    effective: str
    """period: effectivePeriod. end: effectiveDateTime, the end of the stretch."""
    components: bool
    extensions: bool
    """Bed, camera, and the device as performer."""
    narrative: bool
    ranges: bool
    """Observation.referenceRange."""
    questions: bool
    """Tasks. False: questions stay in Wince's own worklist."""
    alerts: bool
    """A CommunicationRequest beside the Observation of an alert, where the server takes it."""
    beside: tuple[str, ...]
    """Types that are written beside an entry, where the server takes them."""
    needs: tuple[str, ...]
    """Interactions (Type.interaction) that its CapabilityStatement must declare."""
    source: str
    """Where this comes from."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How a site's entries are written to one server."""

    profile: WriteProfile
    standing: Mapping[str, str] = field(default_factory=dict)
    """By protocol, one of `standing.STANDINGS`; what is not named is research."""
    site_codes: tuple[SiteCode, ...] = ()
    hl7_label: bool = False
    """Label with v3-ObservationValue#AIAST, which servers with terminology of R4's year refuse; False: with our own system's."""
    names_profiles: bool = False
    """Write meta.profile: the server knows our package. One that does not refuses what names it (HAPI: 422)."""
    owner: Identifier | None = None
    """Who answers questions: a CareTeam's or an Organization's identifier; None: nobody is named."""
    answer_s: float = 900.0
    """Time within which a question is to be answered, seconds."""
    call_s: float = 900.0
    """An alert that ended longer ago calls nobody any more: its Observation alone is written."""

    def takes(self, item: Entry | TaskEntry) -> bool:
        """Whether anything of an item goes to this server; of entries see `standing.takes`."""
        if isinstance(item, TaskEntry):
            return self.profile.questions
        return standing.takes(item, self.profile.statuses, self.standing)

    def status(self, entry: Entry) -> str:
        """Observation.status of an entry; see `standing.status`."""
        return standing.status(entry, self.standing)

    def codes(self, protocol: str) -> list[SiteCode]:
        """What the site calls a protocol's number; the system that the profile needs comes first."""
        mine = [code for code in self.site_codes if code.protocol == protocol]
        return sorted(mine, key=lambda code: code.system != self.profile.code_system)


class Declares(Protocol):
    """What a server declares (fhir.client.Capabilities)."""

    def can(self, kind: str, interaction: str) -> bool:
        """Whether it declares an interaction of a type."""
        ...


def lacks(profile: WriteProfile, can: Declares) -> list[str]:
    """Interactions that the profile needs and a server does not declare, such as "Observation.create"."""
    wanted = [(need.partition(".")[0], need.partition(".")[2]) for need in profile.needs]
    if profile.questions:
        wanted += [("Task", name) for name in ("create", "read", "update")]
    return [f"{kind}.{interaction}" for kind, interaction in wanted if not can.can(kind, interaction)]


@cache
def load(name: str) -> WriteProfile:
    """A profile by its name. Raises ConfigError where there is none, or its file is wrong."""
    path = FOLDER / f"{name}.toml"
    if name not in NAMES or not path.is_file():
        raise ConfigError(f"there is no write profile {name!r}", field="ehr_profile", remedy=f"one of: {', '.join(NAMES)}")
    return parse(name, tomllib.loads(path.read_text("utf-8")))


def parse(name: str, content: Mapping[str, Any]) -> WriteProfile:
    """A profile from parsed TOML. Raises ConfigError naming the key that is missing, unknown, or of another type."""
    fields = {one.name: str(one.type) for one in dataclasses.fields(WriteProfile) if one.name != "name"}
    if odd := sorted(set(content) ^ set(fields)):
        raise ConfigError("is missing or unknown", field=f"{name}.toml: {odd[0]}", remedy=f"write exactly: {', '.join(fields)}")
    kinds = {"bool": bool, "str": str}
    for key, value in content.items():
        right = isinstance(value, kinds[fields[key]]) if fields[key] in kinds else _texts(value)
        if not right:
            raise ConfigError("has another type", field=f"{name}.toml: {key}", remedy=f"give {fields[key]}")
    if content["effective"] not in ("period", "end"):
        raise ConfigError("is neither period nor end", field=f"{name}.toml: effective")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
    return WriteProfile(name=name, **values)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def check(writing: Writing, protocols: Iterable[str], charting: Iterable[str]) -> None:
    """Raises ConfigError where the site names a protocol that is not loaded, or gives one that charts no code that the profile needs."""
    known = sorted(protocols)
    for code in writing.site_codes:
        if code.protocol not in known:
            raise ConfigError(f"no protocol {code.protocol!r} is loaded", field="ehr_codes", remedy=f"one of: {', '.join(known)}")
    if system := writing.profile.code_system:
        given = {code.protocol for code in writing.site_codes if code.system == system}
        if missing := sorted(set(charting) - given):
            raise ConfigError(
                f"profile {writing.profile.name} needs a code of {system} for: {', '.join(missing)}",
                field="ehr_codes",
                remedy="ask the EHR's administrators for the flowsheet row's id, and name it in [[ehr_codes]]",
            )


R4 = load("r4")
"""What is written where nothing else is said."""
