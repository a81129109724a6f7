"""The page docs/reference/oru.md, made from the tables that messages are made from: `python -m wince.delivery.oru.page FILE`."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from wince.delivery import terms
from wince.delivery.oru.answers import CONDITIONS, Ack, meaning
from wince.delivery.oru.message import rendered
from wince.delivery.oru.profiles.profile import FOLDER, NAMES, OruProfile, Writing, load
from wince.delivery.oru.results import GRADE, KIND, REASON, REPORT
from wince.delivery.oru.tables import SEGMENTS
from wince.domain.entry import Entry, Kind
from wince.domain.reason import Reason
from wince.domain.stay import Identifier
from wince.protocols.loader import load as load_protocol
from wince.protocols.rules import ClinicalProtocol

_HEAD = """# HL7 v2: the results that Wince sends
Made by `make docs` from the tables that messages are made from; a test compares. ORU^R01 over MLLP; [adt and scores](hl7.md) is what
Wince takes. [Results to an interface engine](../how-to/oru.md) says how to set it up.

Research use, not validated, adjunct to a nurse's judgement: every result of the software says so in an NTE.

## What a receiver can rely on

- One entry of the record is one filler order (OBR-3). Its revisions are messages with the same OBR-3 and a new control id (MSH-10).
- A message whose outcome is unknown is sent again byte for byte, with the same control id. A receiver that looks at MSH-10 takes it once;
  one that doesn't files the same results under the same OBR-3.
- Messages of one visit come in order. With `oru_connections` above 1, those of different visits come side by side.
- A value or a reason: where nothing could be assessed, the first OBX has no value and OBX-11 `X`, and an OBX `reason` says why. What was
  not measured is never 0.
- OBX-8 is `H` or `A` from the grade on at which people are called, and never `N`. OBX-7 is empty: no range is a normal range.
- A correction and a withdrawal come under the same OBR-3: OBX-11 `F` after `P` once a nurse confirmed, `C` where corrected, `W` (or what
  the profile says) where the entry was wrong, such as another patient's. After a withdrawal an entry may come back, with `P` or `F`.
- No Z segment is sent. Delimiters in texts are escaped; times carry their zone's offset.
- A message pages nobody by itself: an alert has `alert` in the OBX `kind` and `H` in OBX-8, and the engine decides what follows.
- Questions to nurses stay in Wince's own worklist.
- Wince knows no names: PID-5 is `^^^^^^U`. A patient is known by PID-3 and PV1-19 as the ADT feed gave them.
"""


def page() -> str:
    """The whole document."""
    parts = [_HEAD]
    parts += ["## Segments\n"]
    parts.append("MSH PID PV1 [ORC] OBR {OBX [{NTE}]}; of a document MSH EVN PID PV1 TXA [OBX].\n")
    for name, fields in SEGMENTS.items():
        versions = {number: _versions(one.since, one.until) for number, one in fields.items()}
        rows = [(f"{name}-{number}", one.name, one.holds, versions[number]) for number, one in fields.items()]
        parts += [f"### {name}\n", _table(("field", "name", "holds", "versions"), rows)]
    parts += ["## What the OBX say\n", _table(("OBX-3 in 99WINCE", "text", "in the profile's `results`"), _results())]
    parts += ["## Acknowledgements\n", _ACKS, _table(("answer", "condition (table 0357)", "what Wince does"), _answers())]
    parts += ["## Write profiles\n", _PROFILES, _table(("key", *(f"`{name}`" for name in NAMES)), _profiles())]
    parts += ["The file of `v251`, to copy:\n", f"```toml\n{(FOLDER / 'v251.toml').read_text('utf-8')}```\n", "## Examples\n"]
    protocol = load_protocol("activity")
    for title, entry in examples(protocol).items():
        text = rendered(entry, {"activity": protocol}, Writing(load("v251"), version="0.1.0"))
        parts += [f"### {title}\n", "```\n" + text.replace("\r", "\n") + "```\n"]
    return "\n".join(parts).rstrip("\n") + "\n"


_ACKS = """Original mode: one acknowledgement, AA, AE or AR. Enhanced mode, where the profile asks for it in MSH-15 and MSH-16: CA, CE or CR
first, and where `application_ack` is `AL` AA, AE or AR on the same connection behind it; until that one comes the outcome is unknown. An
answer counts for the message that MSA-2 names; a second one, one for another message, and what is no acknowledgement is passed over.
Where none comes within `oru_timeout_s`, the connection is closed and the same message sent again.
"""
_PROFILES = """`oru_profile` names one, `oru_profile_file` a file of the site's own with the same keys.
"""
_FIXED = UUID("6f3f1c0e-5d0b-5c1d-9b52-0f6f2a4a7e51")


def examples(protocol: ClinicalProtocol) -> dict[str, Entry]:
    """Entries of an invented patient, by title."""
    system, start = "urn:wince:authority:HOSP", 1_767_261_600_000_000
    alert = Entry(
        id=UUID("8c5d8b1e-7f53-5a0e-8a44-7a2d9d1f0a11"), revision=1, kind=Kind.ALERT, origin=_FIXED, assessment=_FIXED, source="icu-101-a",
        bed="ICU^101^A", stay=_FIXED, patient=Identifier(system, "4711"), encounter=Identifier(system, "V-9"), protocol="activity",
        start_us=start, end_us=start + 12_000_000, issued_us=start + 12_700_000, grade=2, grade_name=protocol.scale.name_of(2), score=6.25,
        median=5.5, peak=6.25, assessable_share=0.95, confidence=0.9, reason=None, units=(2.0, None, 1.5, None, 0.5, 0.0), personal=False,
        model_set="ab" * 32, rule="cd" * 32, status="preliminary", alerts=1,
    )  # fmt: skip
    nothing = {"grade": None, "grade_name": "", "score": None, "median": None, "peak": None, "confidence": None, "alerts": 0, "units": ()}
    other = UUID("1f0c3a52-19c6-5c0f-9a4b-52f1f2f8e7aa")
    dark = dataclasses.replace(alert, id=other, kind=Kind.UNASSESSABLE, reason=Reason.DARK, assessable_share=0.0, **nothing)  # type: ignore[arg-type]
    wrong = dataclasses.replace(alert, revision=2, status="entered-in-error", issued_us=start + 600_000_000)
    return {"An alert": alert, "Nothing to be seen": dark, "The alert withdrawn": wrong}


def _results() -> list[tuple[str, str, str]]:
    rows = [("the protocol's code", "its name", "`value`")]
    rows += [(f"`{code}`", text, f"`{code}`") for code, text in (GRADE, REASON, KIND)]
    for code, (text, _) in terms.COMPONENT.words.items():
        rows.append((f"`{code}`", text, "`units`" if code.startswith("au") else f"`{code}`"))
    return [*rows, (f"`{REPORT[0]}`", REPORT[1], "where `sheet` is `ed`")]


def _answers() -> list[tuple[str, str, str]]:
    rows = [("AA, CA", "", "written")]
    for code in ("AE, CE", "AR, CR"):
        for condition in (*CONDITIONS, ""):
            answer = meaning(Ack(code[:2], "1", condition), first=False, whole=code == "AR, CR", target="oru")
            text = answer.outcome.value + (" after 15 minutes of trying again" if answer.may_pass else "")
            if code == "AR, CR" and not condition:
                text = "held, where it rejects several entries and takes none; else dead after 15 minutes of trying again"
            rows.append((code, f"{condition} {CONDITIONS.get(condition, 'none, or another')}".strip(), text))
    return rows


def _profiles() -> list[tuple[str, ...]]:
    loaded = [load(name) for name in NAMES]
    keys = [one.name for one in dataclasses.fields(OruProfile) if one.name != "name"]
    return [(f"`{key}`", *(_shown(getattr(profile, key)) for profile in loaded)) for key in keys]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _versions(since: str, until: str) -> str:
    if until:
        return f"before {until}"
    return "all" if since == "2.3.1" else f"from {since}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), "utf-8")
