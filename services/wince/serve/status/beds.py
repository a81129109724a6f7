"""The beds: which camera watches which, whether one patient is known there, and when a window of it was last committed.

Beds stand here as they are: an operator must know where to go. Patients stand as keyed hashes, as in the logs, unless identifiers are
asked for; then the hospital service says who lies there, and its audit trail keeps who asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wince.clients.hospital import HospitalClient
from wince.domain.binding import bed_of, in_bed
from wince.domain.camera import CameraState
from wince.domain.reason import Reason
from wince.domain.stay import Stay, Watch
from wince.errors import WinceError
from wince.serve.status.cameras import listed
from wince.serve.status.interface import Figures, Look, Row, State
from wince.store import doubts, refused_time, stays
from wince.store.database import Tx
from wince.telemetry import logs

ANSWER_S = 2.0
REFUSED_US = 60_000_000
"""For how long a source counts as refused after its last message that was."""
LATE_S = 120.0
"""Windows are seconds long: where a camera is read and none was committed for longer, the road is stuck."""
_LAST = """
SELECT s.source, a.grade IS NULL, a.reason, a.protocol, extract(epoch FROM now() - at_utc::timestamptz)::float8,
       coalesce((SELECT until > now() FROM camera_lease l WHERE l.source = s.source), false),
       (SELECT count(*) FROM question q WHERE q.source = s.source AND q.state = 'open'),
       (SELECT max(closed_until_us) FROM snapshot n WHERE n.fold = 'grade' AND n.key = s.source)
FROM unnest(%s::text[]) AS s(source)
LEFT JOIN LATERAL (
    SELECT id, grade, reason, protocol FROM assessment WHERE source = s.source AND NOT shadow ORDER BY start_us DESC LIMIT 1) a ON true
LEFT JOIN LATERAL (
    SELECT at_utc FROM audit WHERE entry = a.id AND event = 'assessment' AND revision = 1 ORDER BY attempt DESC LIMIT 1) t ON true
"""


@dataclass(frozen=True, slots=True)
class _LastSeen:
    """What came of a camera last, of the protocol that grades: one that only looks on says nothing about whether the bed is watched."""

    unassessable: bool
    reason: str | None
    protocol: str | None
    age_s: float | None
    """Since its commit; None: no window yet."""
    read: bool
    """Whether a capture owns the camera now."""
    questions: int
    closed_until_us: int | None
    """End of the last window that grade closed; None: none yet."""

    def closed_ahead_s(self, look: Look) -> float | None:
        """How far ahead of now the windows of a live camera are closed, seconds; None where they are not: grade and this machine may differ
        by as much as a source and grade may. Clips in a replay run ahead by right."""
        if self.closed_until_us is None or not self.read or look.settings.replay_at is not None:
            return None
        ahead_s = (self.closed_until_us - look.now_us) / 1e6
        return ahead_s if ahead_s > 2 * look.settings.clock_ahead_s else None


def beds(look: Look) -> list[Row]:
    """One row for each camera that watches a bed now, by bed."""
    with look.transaction() as tx:
        watches = _watches(tx, look.now_us)
        beds_ = {watch.bed for watch in watches}
        here = stays.believed(tx, sorted(beds_), look.now_us, look.now_us)
        doubted = doubts.overlapping(tx, sorted(beds_), look.now_us, look.now_us + 1)
        lying = {bed: in_bed(here, bed, look.now_us, look.now_us, doubted) for bed in beds_}
        last = {source: _LastSeen(*rest) for source, *rest in tx.execute(_LAST.encode(), ([watch.source for watch in watches],)).fetchall()}
        refused = refused_time.since(tx, [watch.source for watch in watches], look.now_us - REFUSED_US)
    quiet = {source for source, one in last.items() if one.read and one.age_s is not None and one.age_s > LATE_S}
    stuck = quiet and {source for source, status in listed(look)[0].items() if status.state is CameraState.RUNNING} & quiet
    rows = [_row(look, watch, lying[watch.bed], last[watch.source], watch.source in stuck, refused.get(watch.source)) for watch in watches]
    return sorted(rows, key=lambda row: row.what)


def _watches(tx: Tx, now_us: int) -> list[Watch]:
    sources = [source for (source,) in tx.execute("SELECT DISTINCT source FROM watch").fetchall()]
    known = stays.watches(tx, sources)
    return [watch for source in sources if (watch := bed_of(known, source, now_us, now_us)) is not None]


def _row(look: Look, watch: Watch, lying: Stay | Reason, last: _LastSeen, stuck: bool, refused_us: int | None) -> Row:
    figures: Figures = {
        "camera": watch.source,
        "patient": _patient(look, watch.bed, lying),
        "questions": last.questions,
        "last_window_age_s": last.age_s,
        "last_window": None if last.age_s is None else last.reason or "graded",
        "protocol": last.protocol,
        "closed_ahead_s": last.closed_ahead_s(look),
        "refused_ahead_s": None if refused_us is None else refused_us / 1e6,
    }
    said = f"{watch.source} watches it, {_words(lying, figures['patient'])}"
    if lying is Reason.TWO_PATIENTS:
        remedy = "correct it in the hospital's ADT; until then nothing is charted"
        return Row("beds", watch.bed, State.BAD, said, last.age_s, "two_patients", remedy, figures)
    if lying is Reason.DOUBTFUL:
        remedy = "the rows of `census` say why, and what to do; until then nothing is charted"
        return Row("beds", watch.bed, State.BAD, said, last.age_s, "doubtful", remedy, figures)
    if refused_us is not None:
        reason = f"its clock lies {refused_us / 1e6:.0f} s ahead of grade's: its frames are set aside"
        remedy = "watch the patient yourself; keep the clocks of all machines by NTP. One that stays ahead for clock_hold_s is followed"
        return Row("beds", watch.bed, State.BAD, said, last.age_s, reason, remedy, figures)
    if (ahead_s := last.closed_ahead_s(look)) is not None:
        reason = f"a clock ran ahead: windows are closed for the next {ahead_s:.0f} s, and nothing is graded until then"
        undo = f"then `wince sources undo-ahead {watch.source}`"
        remedy = f"watch the patient yourself. Keep the clocks of capture's and grade's hosts by NTP, {undo}"
        return Row("beds", watch.bed, State.BAD, said, last.age_s, reason, remedy, figures)
    if stuck:
        remedy = "look at the services, at lag and at the database"
        return Row("beds", watch.bed, State.BAD, said, last.age_s, "its camera runs, and no window is committed", remedy, figures)
    return Row("beds", watch.bed, State.OK, said, last.age_s, figures=figures)


def _words(lying: Stay | Reason, patient: object) -> str:
    if lying is Reason.TWO_PATIENTS:
        return "two patients are claimed"
    if lying is Reason.DOUBTFUL:
        return "who lies there is doubtful"
    return f"patient {patient}" if isinstance(lying, Stay) else "nobody is known in it"


def _patient(look: Look, bed: str, lying: Stay | Reason) -> str | None:
    if not isinstance(lying, Stay):
        return None
    if not look.identifiers:
        return logs.pseudonym(lying.patient.value)
    asked = _asked(look, bed)
    return f"{asked.patient.value}, encounter {asked.encounter.value}" if isinstance(asked, Stay) else str(asked)


def _asked(look: Look, bed: str) -> Any:
    addresses = look.services.get("hospital", ())
    if not addresses:
        return "not told: the hospital service's address is not known"
    try:
        with HospitalClient(addresses, look.settings.rpc, deadline_s=ANSWER_S) as hospital:
            return hospital.occupancy(bed)
    except WinceError as error:
        return f"not told: {error.message}"
