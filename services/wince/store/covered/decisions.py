"""What people decided: the tables care_event, switch, consent and research_consent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from wince.api.care.v1 import care_pb2
from wince.domain.audit import AuditRow
from wince.domain.ids import make
from wince.store.audit import utc
from wince.store.covered.erasures import Erasures
from wince.store.covered.fault import broken, count
from wince.store.database import Tx

_COLUMNS = {
    "care_event": "id, kind, question, assessment, pause, bed, encounter_system, encounter, from_us, until_us, recorded_us, nurse, body",
    "switch": "id, scope, name, off_us, on_us, reason, by",
    "consent": "id, subject, system, value, given, from_us, recorded_us, nurse",
    "research_consent": "id, system, value, given, basis, recorded_us, nurse",
}
_CARE = "care."
_OFF, _ON = "switch.off", "switch.on"
_CONSENTS = {"consent.given": True, "consent.refused": False}
_RESEARCH = {"research.given": True, "research.withdrawn": False}
_NAMES = {
    "verdict": ("question", "assessment"),
    "pause": ("bed",),
    "pause_end": ("pause",),
    "patient_state": ("encounter_system", "encounter"),
}
"""By kind of a decision: the columns that say what it is about; the others are null."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Row = dict[str, Any]
_Said = Mapping[str, Any]


class Decisions:
    """Verdicts as they were given, pauses, patient states; what was switched off, and on again; consents, also to research."""

    name = "decisions"

    def __init__(self) -> None:
        self.compared = self.unproven = 0
        self._stand: Counter[str] = Counter()

    def compare(self, tx: Tx, links: Sequence[AuditRow], erasures: Erasures) -> None:
        """See Kind.compare."""
        self._hold(tx, "care_event", [link for link in links if link.event.startswith(_CARE)], erasures, _cared)
        self._hold(tx, "switch", [link for link in links if link.event == _OFF], erasures, _switched_off)
        self._hold(tx, "consent", [link for link in links if link.event in _CONSENTS], erasures, _consented)
        self._hold(tx, "research_consent", [link for link in links if link.event in _RESEARCH], erasures, _agreed)
        ended = [link for link in links if link.event == _ON]
        rows = _rows(tx, "switch", ended)
        for link in ended:
            row = rows.get(link.entry)
            if row is None or row["on_us"] is None or (utc(row["on_us"]) != link.at and row["on_us"] != row["off_us"]):
                raise broken("switch", link.entry, "was not switched on again when the chain says")
            self._stand[_ON] += 1

    def _hold(
        self, tx: Tx, table: str, links: Sequence[AuditRow], erasures: Erasures, same: Callable[[AuditRow, _Said, _Row], bool]
    ) -> None:
        rows = _rows(tx, table, links)
        for link in links:
            row, said = rows.get(link.entry), json.loads(link.payload) if link.payload is not None else None
            if row is None:
                if said is not None and not erasures.explains(_limit(link.event), str(link.entry), _us(link.at)):
                    raise broken(table, link.entry, "is missing")
                continue
            self._stand[table] += 1
            if said is None:
                self.unproven += 1
                continue
            if not same(link, said, row):
                raise broken(table, link.entry, "is not what was decided")
            self.compared += 1

    def counted(self, tx: Tx) -> list[tuple[str, int, int]]:
        """See Kind.counted."""
        on = tx.execute("SELECT count(*) FROM switch WHERE on_us IS NOT NULL").fetchone()
        tables = [(table, self._stand[table], count(tx, table)) for table in _COLUMNS]
        return [*tables, ("switch that is on again", self._stand[_ON], on[0] if on else 0)]


def _rows(tx: Tx, table: str, links: Sequence[AuditRow]) -> dict[UUID, _Row]:
    if not links:
        return {}
    found = tx.execute(f"SELECT {_COLUMNS[table]} FROM {table} WHERE id = ANY(%s)".encode(), ([link.entry for link in links],)).fetchall()
    names = _COLUMNS[table].split(", ")
    return {row[0]: dict(zip(names, row, strict=True)) for row in found}


def _cared(link: AuditRow, said: _Said, row: _Row) -> bool:
    body = bytes(row["body"])
    told = (said["nurse"], said["from_us"], said["until_us"], said["body"])
    if told != (row["nurse"], row["from_us"], row["until_us"], body.hex()) or utc(row["recorded_us"]) != link.at:
        return False
    return row["kind"] == link.event.removeprefix(_CARE) and _about(said, row, body)


def _about(said: _Said, row: _Row, body: bytes) -> bool:
    """Whether a row's columns name what its body, its id or its link does."""
    others = set().union(*_NAMES.values()) - set(_NAMES[row["kind"]])
    if any(row[name] is not None for name in others):
        return False
    kind, ids = row["kind"], {name: str(row[name]) if row[name] else "" for name in ("question", "assessment")}
    if kind == "verdict":
        verdict = care_pb2.Verdict.FromString(body)
        older = not ids["assessment"]  # given before that column, and never taken by record
        return ids["question"] == verdict.question_id and (older or ids["assessment"] == verdict.assessment_id)
    if kind == "pause":
        return bool(row["bed"] == care_pb2.Pause.FromString(body).bed)
    if kind == "pause_end":
        return row["pause"] is not None and make(row["pause"], "pause_end", row["from_us"]) == row["id"]
    told = said.get("encounter")  # an earlier release's chain names it in the nurse's words alone
    return told is None or (told["system"], told["value"]) == (row["encounter_system"], row["encounter"])


def _limit(event: str) -> str:
    """By which limit the row of a link goes, once it was written down before that: as old as the link."""
    if event == _CARE + "patient_state":
        return "patient_states"
    return "decisions" if event.startswith(_CARE) else "movements" if event in _CONSENTS else "nothing"


def _us(at: str) -> int:
    """The moment of a link, microseconds UTC."""
    return (datetime.fromisoformat(at) - _EPOCH) // timedelta(microseconds=1)


def _switched_off(link: AuditRow, said: _Said, row: _Row) -> bool:
    return all(said[name] == row[name] for name in ("scope", "name", "off_us", "reason", "by"))


def _consented(link: AuditRow, said: _Said, row: _Row) -> bool:
    told = said["consent"]
    who = {"system": row["system"], "value": row["value"]}
    same = all(told[name] == row[name] for name in ("subject", "given", "from_us", "nurse"))
    return same and told["identifier"] == who and row["given"] is _CONSENTS[link.event] and utc(row["recorded_us"]) == link.at


def _agreed(link: AuditRow, said: _Said, row: _Row) -> bool:
    told = said["consent"]
    who = {"system": row["system"], "value": row["value"]}
    same = all(told[name] == row[name] for name in ("given", "basis", "nurse"))
    return same and told["patient"] == who and row["given"] is _RESEARCH[link.event] and utc(row["recorded_us"]) == link.at
