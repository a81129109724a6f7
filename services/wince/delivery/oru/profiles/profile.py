"""What a write profile of an HL7 receiver says, and what a site says of its receiver. Pure but for reading the profile's file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cache
from pathlib import Path
from typing import Any

from wince import plain_file
from wince.delivery import standing
from wince.delivery.site_code import SiteCode
from wince.domain.entry import Entry, TaskEntry
from wince.errors import ConfigError
from wince.hl7.charset import CHARSETS
from wince.protocols.rules import ClinicalProtocol
from wince.toml.lines import NotToml, parsed

MAX_BYTES = 64 << 10
FOLDER = Path(__file__).parent
NAMES = ("v251", "v231", "v28")
VERSIONS = ("2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8")
RESULTS = ("value", "grade", "reason", "kind", "median", "peak", "assessable-share", "confidence", "alerts", "units")
"""What an entry can be said in, one OBX each (`units`: one for each action unit)."""
KINDS = ("grade", "alert", "summary", "unassessable", "assessable", "verdict")
Sheet = Callable[[Entry, ClinicalProtocol], bytes]
"""Makes the PDF of an entry; equal entries give equal bytes."""


@dataclass(frozen=True, slots=True)
class OruProfile:
    """One kind of receiver. Every field but `name` is a key of its TOML file."""

    name: str
    title: str
    version: str
    """Of HL7 v2, as in MSH-12."""
    charset: str
    """As in MSH-18 (table 0211); empty: ASCII, and MSH-18 stays empty."""
    accept_ack: str
    """MSH-15: AL, NE, ER, SU; both empty: original mode."""
    application_ack: str
    """MSH-16. AL: CA alone is no answer, AA is waited for. NE: CA is the answer."""
    statuses: tuple[str, ...]
    """preliminary, final: what the receiver takes. What it was sent once is also corrected and taken back there."""
    withdraws: str
    """How an entry is taken back: W (posted as wrong), D (delete), C (a correction to no value), by_hand (a person does it there)."""
    results: tuple[str, ...]
    """Which of RESULTS are sent; value must be among them."""
    notes: str
    """obx: NTE under the value's OBX. obr: under OBR. Empty: none; the label is then in no segment, which a site must answer for."""
    orc: bool
    """An ORC before OBR."""
    patient_class: str
    """PV1-2 (table 0004)."""
    fractions: bool
    """Parts of a second in times."""
    sheet: str
    """ed: the PDF of the record sheet as an OBX. mdm: as a message MDM of its own behind the ORU. Empty: none."""
    sheet_kinds: tuple[str, ...]
    """Kinds of entry (KINDS) that get a sheet."""
    document_type: str
    """TXA-2 of a sheet that goes as MDM (table 0270)."""
    source: str
    """Where this comes from."""

    @property
    def coded(self) -> str:
        """Value type of a code: CE until v2.5.1, then CWE."""
        return "CE" if self.version < "2.6" else "CWE"


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "version": VERSIONS,
    "charset": ("", *sorted(CHARSETS)),
    "accept_ack": ("", "AL", "NE", "ER", "SU"),
    "application_ack": ("", "AL", "NE"),
    "statuses": ("preliminary", "final"),
    "withdraws": ("W", "D", "C", "by_hand"),
    "results": RESULTS,
    "notes": ("obx", "obr", ""),
    "sheet": ("", "ed", "mdm"),
    "sheet_kinds": KINDS,
}


@dataclass(frozen=True, slots=True)
class Writing:
    """How a site's entries are written to its receiver."""

    profile: OruProfile
    version: str = ""
    """Of Wince."""
    sender: tuple[str, str] = ("WINCE", "")
    """MSH-3, MSH-4."""
    receiver: tuple[str, str] = ("", "")
    """MSH-5, MSH-6."""
    production: bool = True
    zone: tzinfo = UTC
    """Of all times; each is written with its offset."""
    standing: Mapping[str, str] = field(default_factory=dict)
    """By protocol; see `delivery.standing`."""
    codes: tuple[SiteCode, ...] = ()
    authorities: Mapping[str, str] = field(default_factory=dict)
    """Identifier system -> assigning authority as NAMESPACE&ID&TYPE, where the system alone does not say it so."""
    patient_type: str = "MR"
    """Identifier type of a medical record number (PID-3.5)."""
    account: bool = False
    """The visit's number stands in PID-18 too."""
    sheet: Sheet | None = None

    def takes(self, item: Entry | TaskEntry) -> bool:
        """Whether anything of an item goes to this receiver. Questions never do: they stay in Wince's own worklist."""
        return isinstance(item, Entry) and standing.takes(item, self.profile.statuses, self.standing)


@cache
def load(name: str) -> OruProfile:
    """A profile that ships, by its name. Raises ConfigError where there is none, or its file is wrong."""
    if name not in NAMES:
        raise ConfigError(f"there is no write profile {name!r}", field="oru_profile", remedy=f"one of: {', '.join(NAMES)}")
    return read(FOLDER / f"{name}.toml")


def read(path: Path) -> OruProfile:
    """A profile from a file, of a site too. Raises ConfigError."""
    try:
        content = parsed(plain_file.read(path, MAX_BYTES).decode("utf-8"))
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field="oru_profile_file", remedy="name a readable file") from None
    except (NotToml, UnicodeDecodeError) as error:
        where = f" line {error.line}" if isinstance(error, NotToml) else ""
        raise ConfigError(
            "is no TOML", field=f"oru_profile_file={path}{where}", remedy="copy a profile of docs/reference/oru.md and change it"
        ) from None
    return parse(path.stem, content)


def parse(name: str, content: Mapping[str, Any]) -> OruProfile:
    """A profile from parsed TOML. Raises ConfigError naming the key that is missing, unknown, or holds what it can't."""
    fields = {one.name: str(one.type) for one in dataclasses.fields(OruProfile) if one.name != "name"}
    if odd := sorted(set(content) ^ set(fields)):
        raise ConfigError("is missing or unknown", field=f"{name}.toml: {odd[0]}", remedy=f"write exactly: {', '.join(fields)}")
    kinds = {"bool": bool, "str": str}
    for key, value in content.items():
        right = isinstance(value, kinds[fields[key]]) if fields[key] in kinds else _texts(value)
        if not right:
            raise ConfigError("has another type", field=f"{name}.toml: {key}", remedy=f"give {fields[key]}")
        chosen = value if isinstance(value, list) else [value]
        if key in _CHOICES and (unknown := [one for one in chosen if one not in _CHOICES[key]]):
            remedy = f"one of: {', '.join(filter(None, _CHOICES[key]))}" + (", or empty" if "" in _CHOICES[key] else "")
            raise ConfigError(f"can't be {unknown[0]!r}", field=f"{name}.toml: {key}", remedy=remedy)
    for key, needed in (("results", "value"), ("statuses", "final")):
        if needed not in content[key]:
            raise ConfigError(f"lacks {needed}", field=f"{name}.toml: {key}", remedy=f"add {needed!r}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
    return OruProfile(name=name, **values)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
