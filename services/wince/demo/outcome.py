"""What a run came to, read from the database: the table at the end, and what a test compares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wince.api.grade.v1 import grade_pb2 as pb
from wince.codec.grade import alert_from_message, assessment_from_message
from wince.demo.scenario import Bed
from wince.domain.assessment import Alert, Assessment
from wince.domain.audit import Verified
from wince.domain.window_label import alerts_in, window_label
from wince.store.database import Database


@dataclass(frozen=True, slots=True)
class Charted:
    """One entry of the record and how far its delivery is (of several targets: at the one that lacks it)."""

    id: UUID
    revision: int
    kind: str
    bed: str
    source: str
    protocol: str
    start_us: int
    end_us: int
    grade: int | None
    state: str
    """written, ready, leased or dead."""
    location: str


@dataclass(frozen=True, slots=True)
class BedOutcome:
    """What one bed showed and what was charted of it."""

    bed: str
    source: str
    patient: str
    """Encounter number (Wince's own); never a name."""
    about: str
    windows: int
    seen: dict[str, int]
    """Windows by their label (domain/window_label.py): one that an alert lies in never counts as its longest grade alone."""
    grades: dict[str, int]
    """Windows per grade name: the longest grade of each."""
    reasons: dict[str, int]
    """Unassessable windows per reason."""
    alerts: int
    questions: dict[str, int]
    """Questions to a nurse per reason."""
    charted: dict[str, int]
    """Entries per kind."""
    protocols: dict[str, int]
    """Windows per protocol that graded, or said why it could not."""
    shadows: dict[str, int]
    """Windows per protocol that only looked on; counted nowhere else."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The whole run."""

    beds: tuple[BedOutcome, ...]
    entries: tuple[Charted, ...]
    patients: int
    nurse: int
    """Questions sent to a nurse."""
    undelivered: int
    """Entries and tasks that the EHR has not taken (dead or open)."""
    trouble: str
    """What most of those met, without PHI; empty where nothing is undelivered or nothing was said."""
    audit: Verified
    in_ehr: int | None
    """Observations of this run that the EHR sandbox holds; None where another EHR is configured."""

    @property
    def observations(self) -> int:
        """Entries that the EHR has taken, each counted once however many revisions it has."""
        return len({entry.id for entry in self.entries if entry.state == "written"})

    def line(self) -> str:
        """The last line of `wince run`."""
        audit = self.audit
        return (
            f"wince: {self.observations} observations for {self.patients} patients, {self.nurse} sent to a nurse, "
            f"audit chain verified ({audit.count} entries, {audit.compared} records match it, {audit.tail} after its checkpoint)"
        )


def entries(database: Database, sources: list[str], from_us: int) -> list[Charted]:
    """Entries of some sources since a moment, in order of time."""
    with database.transaction() as tx:
        rows = tx.execute(
            "SELECT e.id, e.revision, e.kind, e.source, e.start_us, e.end_us, e.body::json->>'bed', e.body::json->>'protocol',"
            " (e.body::json->>'grade')::int,"
            " coalesce(o.state, 'kept'), coalesce(o.location, '') FROM entry e"
            " LEFT JOIN LATERAL (SELECT state, location FROM outbox WHERE entry = e.id AND revision = e.revision"
            " ORDER BY (state = 'written'), target LIMIT 1) o ON true"
            " WHERE e.source = ANY(%s) AND e.start_us >= %s ORDER BY e.start_us, e.source, e.id, e.revision",
            (sources, from_us),
        ).fetchall()
    return [Charted(id_, revision, kind, bed, source, protocol, start, end, grade, state, location)
            for id_, revision, kind, source, start, end, bed, protocol, grade, state, location in rows]  # fmt: skip


def latest(database: Database, sources: list[str] | None, from_us: int) -> int:
    """End of the last window of some sources (None: of all) since a moment, microseconds UTC; that moment where there is none."""
    with database.transaction() as tx:
        found = tx.execute(
            "SELECT max(end_us) FROM assessment WHERE (%s::text[] IS NULL OR source = ANY(%s)) AND start_us >= %s",
            (sources, sources, from_us),
        ).fetchone()
    return int(found[0]) if found and found[0] is not None else from_us


def bed(database: Database, bed: Bed, visit: str, protocols: Sequence[str], from_us: int, charted: list[Charted]) -> BedOutcome:
    """One bed and what the database says of it since a moment. `visit`: its encounter number, "-" where nobody lies there. `protocols`:
    those that are set; windows of others (an earlier run that was cut off) and of shadows don't count."""
    source = bed.camera.id
    with database.transaction() as tx:

        def counted(query: str, *more: object) -> dict[Any, int]:
            return dict(tx.execute(query.encode(), (source, from_us, *more)).fetchall())

        of_source = "WHERE source = %s AND start_us >= %s"
        rows = tx.execute(
            f"SELECT body FROM assessment {of_source} AND NOT shadow AND protocol = ANY(%s) ORDER BY protocol, start_us".encode(),
            (source, from_us, list(protocols)),
        ).fetchall()
        windows = [assessment_from_message(pb.Assessment.FromString(bytes(body))) for (body,) in rows]
        looking = tx.execute(
            f"SELECT shadow, protocol, count(*) FROM assessment {of_source} AND protocol = ANY(%s) GROUP BY 1, 2 ORDER BY 2".encode(),
            (source, from_us, list(protocols)),
        ).fetchall()
        questions = counted(f"SELECT reason, count(*) FROM question {of_source} GROUP BY 1 ORDER BY 2 DESC")
        bodies = tx.execute(f"SELECT body FROM alert {of_source}".encode(), (source, from_us)).fetchall()
    alerts = [alert_from_message(pb.Alert.FromString(bytes(body))) for (body,) in bodies]
    kinds = Counter(entry.kind for entry in charted if entry.source == source and entry.revision == 1)
    graders, shadows = ({name: count for aside, name, count in looking if aside is shadow} for shadow in (False, True))
    grades = Counter(one.grade_name for one in sorted(windows, key=lambda one: one.grade or 0) if one.grade is not None)
    reasons = Counter(one.reason.value for one in windows if one.reason is not None)
    return BedOutcome(
        bed=bed.camera.bed, source=source, patient=visit, about=bed.about, windows=len(windows), seen=_seen(windows, alerts),
        grades=dict(grades), reasons=dict(reasons.most_common()), alerts=len(alerts), questions=questions, charted=dict(kinds),
        protocols=graders, shadows=shadows,
    )  # fmt: skip


def _seen(windows: Sequence[Assessment], alerts: Sequence[Alert]) -> dict[str, int]:
    """Windows by label: those with an alert first, then by grade, unassessable ones last."""

    def order(window: Assessment) -> tuple[bool, bool, int]:
        return not alerts_in(window, alerts), window.grade is None, window.grade or 0

    return dict(Counter(window_label(one, alerts) for one in sorted(windows, key=order)))


def undelivered(database: Database) -> tuple[int, str]:
    """How many entries and tasks, of every run, the EHR has not taken (refused, held, still to be tried), and what most of them met."""
    with database.transaction() as tx:
        found = tx.execute("SELECT last_error, count(*) FROM outbox WHERE state <> 'written' GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
        held = tx.execute("SELECT detail FROM target_hold ORDER BY target").fetchall()
    said = [detail for detail, *_ in (*held, *found) if detail] if found else []
    return sum(count for _, count in found), said[0] if said else ""
