"""The guide's pages, docs/reference/fhir.md, made from the same tables: `python -m wince.delivery.fhir.guide.pages FILE`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from wince.delivery import terms
from wince.delivery.fhir.guide.capability import needed
from wince.delivery.fhir.guide.examples import entries, examples
from wince.delivery.fhir.guide.structures import EXTENSIONS, PROFILES
from wince.delivery.fhir.guide.vocabulary import absent_code
from wince.delivery.fhir.parts import structure_url
from wince.delivery.fhir.profiles.profile import NAMES, WriteProfile, Writing, load
from wince.delivery.site_code import SiteCode
from wince.delivery.standing import STANDINGS
from wince.domain.entry import Entry
from wince.domain.loinc import SELF_REPORT
from wince.protocols import loader
from wince.protocols.rules import ClinicalProtocol

_HEAD = """# FHIR: what Wince writes
 Made by `make docs` from the tables that Wince writes by; a test compares. FHIR R4 (4.0.1). `wince fhir package OUT.tgz` gives the same
as profiles, extensions, code systems, value sets, a concept map, capability statements and examples in a FHIR package. `wince fhir
preview CLIP` prints what a clip would give.

Research use, not validated, adjunct to a nurse's judgement: every Observation of the software says so in `note`.
"""
_RULES = """
## What a reader can rely on

- An Observation has a value or a reason why there is none (`dataAbsentReason`), never both. What was not measured is never 0.
- No `referenceRange` is a normal range: each has a type of ours (the scale, or a grade). `interpretation` carries our grade and, from
  the grade on at which people are called, HL7's `H` (of a number) or `A` (of a grade alone). It never carries `N`: a quiet face is no
  proof that there is no pain.
- `meta.security` says `AIAST` (Artificial Intelligence asserted) on all that software said. R4's own `v3-ObservationValue` has not that
  code yet, and a server that validates refuses it there. So it stands in a code system of ours. `ehr_ai_label = "hl7"` writes HL7's
  instead.
- `meta.profile` is written only with `ehr_names_profiles`: a server that does not know our profiles may refuse what names them (HAPI
  does).
- The software is `device`. R4 allows no Device as performer, so `performer` is a reference without a place whose extension
  `alternate-reference` says what is meant. A nurse's own score has her as performer, and no device.
- `identifier` holds the entry's id (`urn:uuid:`), the same for all its revisions, and the assessment's (`urn:wince:assessment`).
- Patient, Encounter and Practitioner are referred to by what the server has; patient and encounter are looked up by identifier before
  anything is written. A nurse's staff identifier has the system `urn:wince:staff`.
- A Provenance points to the version that it is about. An AuditEvent has the shape of IHE BALP (PatientCreate, PatientUpdate,
  PatientQuery, Query); `recorded` is when the server answered. Searches and failures have one, too. Those two wait in memory until the
  server takes them, and are lost with the process; Wince's own audit trail has every attempt of a delivery.
- What a server refuses beside an entry (Provenance, AuditEvent, CommunicationRequest) stays listed by `wince outbox list` until it is
  sent again.
- An alert that ended longer ago than `ehr_call_s` (15 minutes), charted or delivered late, calls nobody: its Observation is written without
  an active CommunicationRequest, and the audit trail says so.
- A LOINC code that says that the patient told the number is no default and is refused in a protocol. A site that wants one says
  `reported = true` beside it.
"""


def pages() -> str:
    """The whole document."""
    protocol = loader.load("activity")
    lines = [
        _HEAD,
        "\n## Which resource for what\n",
        *_kinds(protocol),
        _RULES,
        "\n## Write profiles\n",
        *_profiles(),
        "\n## What is charted\n",
    ]
    lines += [
        *_charted(),
        "\n## Profiles of ours\n",
        *_structures(),
        "\n## Words of ours\n",
        *_words(),
        "\n## LOINC codes of self-report\n",
    ]
    lines += [*_table(("code", "says"), SELF_REPORT.items()), "\n## Examples\n", *_examples({"activity": protocol})]
    return "\n".join(lines) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> list[str]:
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)]


def _kinds(protocol: ClinicalProtocol) -> list[str]:
    what = {kind: meaning for kind, (_, meaning) in terms.KIND.words.items()}
    rows = [
        (kind, meaning, "Observation" + (", CommunicationRequest" if kind == "alert" else "") + ", Provenance, AuditEvent")
        for kind, meaning in what.items()
    ]
    return _table(("entry", "when", "resources"), [*rows, ("question", "A nurse is asked to look.", "Task, AuditEvent")])


def _profiles() -> list[str]:
    shown: dict[str, object] = {
        "for": "title",
        "Observation.status": "statuses",
        "revises what stands there": "updates",
        "looks before each create": "searches_first",
        "category": "category",
        "needs a site's code of": "code_system",
        "effective": "effective",
        "components": "components",
        "bed, camera, performer": "extensions",
        "narrative": "narrative",
        "ranges": "ranges",
        "questions (Task)": "questions",
        "alerts (CommunicationRequest)": "alerts",
        "beside": "beside",
        "from": "source",
    }
    profiles = [load(name) for name in NAMES]
    rows: list[tuple[object, ...]] = [(title, *(_shown(getattr(one, str(key))) for one in profiles)) for title, key in shown.items()]
    rows.append(("server must declare", *(_needs(one) for one in profiles)))
    lead = (
        "`ehr_profile` chooses. A server whose CapabilityStatement lacks what the profile needs is refused at the start and by"
        " `wince doctor`."
    )
    return [lead + "\n", *_table(("", *NAMES), rows)]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, tuple) else str(value) or "-"


def _needs(profile: WriteProfile) -> str:
    return "; ".join(f"{kind}: {', '.join(interactions)}" for kind, interactions in needed(profile).items())


def _charted() -> list[str]:
    """By the code that decides it, for a grade, a grade that a nurse confirmed, her own score, and a withdrawn grade."""
    found = entries(loader.load("activity"))
    names = {"grade": "the software's grade", "confirmed": "confirmed by a nurse", "verdict": "her own score", "withdrawn": "withdrawn"}
    rows = []
    for standing in STANDINGS:
        for name in NAMES:
            how = Writing(load(name), standing={"activity": standing}, site_codes=(SiteCode("activity", load(name).code_system, "1"),))
            rows.append((standing, name, *(_said(how, found[key]) for key in names)))
    lead = (
        "By what the site says of the protocol's scorer (`ehr_standing`). A shadow's assessments are never charted. Where a target takes"
        " nothing back, a person does: `wince outbox list` and `wince status` show it, `wince outbox done` says that it is done, and the"
        " audit trail keeps both.\n"
    )
    return [lead, *_table(("scorer", "profile", *names.values()), rows)]


def _said(how: Writing, item: object) -> str:
    assert isinstance(item, Entry)
    if not how.takes(item):
        return "nothing"
    if item.status == "entered-in-error" and not how.profile.updates:
        return "a person withdraws it there"
    return f"`{how.status(item)}`"


def _structures() -> list[str]:
    rows: list[tuple[object, ...]] = [(f"`{structure_url(one.id)}`", one.kind, one.title) for one in PROFILES]
    rows += [(f"`{url}`", "Extension of Observation, an Identifier", title) for url, _, title in EXTENSIONS]
    return _table(("canonical", "of", "what"), rows)


def _words() -> list[str]:
    lines: list[str] = []
    for one in terms.ALL:
        rows = [(f"`{code}`", display, meaning, _hl7(one.url, code)) for code, (display, meaning) in one.words.items()]
        mapped = any(row[3] for row in rows)
        head = ("code", "display", "meaning", *(("HL7's",) if mapped else ()))
        lines += [f"### {one.title}\n", f"`{one.url}`\n", *_table(head, [row if mapped else row[:3] for row in rows]), ""]
    return lines


def _hl7(url: str, code: str) -> str:
    if url == terms.LABEL.url:
        return "`v3-ObservationValue#AIAST`"
    if url != terms.REASON.url:
        return ""
    return f"`{absent_code(code)}`"


def _examples(protocols: Mapping[str, ClinicalProtocol]) -> list[str]:
    made = examples(dict(protocols), writing=Writing(load("r4")))
    lines = []
    for name in ("Observation-example-alert", "Task-example-question"):
        lines += [f"### {name}\n", "```json", json.dumps(made[name], indent=2, ensure_ascii=False), "```", ""]
    return [*lines, "The package holds one of every kind."]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(pages())
