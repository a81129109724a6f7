"""What must stand in the record: for each window of a camera the one who lay there, as the hospital's own system says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tests.e2e.storm.hospital import Hospital, Visit
from wince.domain.entry import Entry, Kind, TaskEntry

NOBODY = None
Answer = Visit | None


@dataclass
class Cameras:
    """Which camera looked at which bed, as the list said: (source, bed, since), in the order in which it was said."""

    said: list[tuple[str, str, int]] = field(default_factory=list)

    def bed(self, source: str, at: int) -> str | None:
        beds = [bed for name, bed, since in self.said if name == source and since <= at]
        return beds[-1] if beds else None

    def edges(self, source: str) -> set[int]:
        return {since for name, _, since in self.said if name == source}


@dataclass(frozen=True)
class Window:
    """A window that was graded, and whether an alert fired in it."""

    id: UUID
    alert: UUID | None
    source: str
    start: int
    end: int


def answers(hospital: Hospital, cameras: Cameras, source: str, start: int, end: int, n: int) -> frozenset[Answer]:
    """Who may be right for [start, end) of a camera after the hospital's n-th entry: one answer, more where the messages leave it open."""
    beds = {cameras.bed(source, start), *(cameras.bed(source, edge) for edge in cameras.edges(source) if start <= edge < end)}
    if len(beds) > 1 or None in beds:
        return frozenset([NOBODY])
    (bed,) = beds
    there = [lying for lying in hospital.lying(n) if lying.bed == bed and lying.start < end and (lying.end is None or start < lying.end)]
    answer: Answer = NOBODY
    visits = {lying.visit for lying in there}
    if len(visits) == 1 and _covered(sorted((lying.start, lying.end) for lying in there), start, end):
        (answer,) = visits
    open_ = [zone for zone in hospital.unclear if zone.n <= n and bed in zone.beds and start < zone.high and zone.low < end]
    if not open_:
        return frozenset([answer])
    return frozenset([NOBODY, answer, *visits, *(visit for zone in open_ for visit in zone.visits)])


def _covered(spans: Sequence[tuple[int, int | None]], start: int, end: int) -> bool:
    at = start
    for low, high in spans:
        if low > at:
            return False
        if high is None or high >= end:
            return True
        at = max(at, high)
    return False


def faults(
    hospital: Hospital,
    cameras: Cameras,
    windows: Collection[Window],
    entries: Iterable[Entry],
    tasks: Iterable[TaskEntry],
    n: int,
) -> list[str]:
    """What stands and should not, and what should and does not. `entries`: last revisions; `tasks`: open questions."""
    wrong: list[str] = []
    of_window = {window.id: window for window in windows}
    alerts: dict[UUID, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.status == "entered-in-error":
            continue
        window = of_window[entry.assessment]
        right = answers(hospital, cameras, window.source, window.start, window.end, n)
        visit = _visit(hospital, entry)
        if visit not in right:
            wrong.append(f"WRONG {entry.kind} of {_place(window)} stands for {_name(visit)}, right: {_names(right)}")
        elif visit is not None and hospital.of_person(entry.patient.value).now(n) is not visit.person(n):
            wrong.append(
                f"WRONG {entry.kind} of {_place(window)} stands for person {entry.patient.value} of {_name(visit)},"
                f" right: {visit.person(n).number}"
            )
        if entry.kind is Kind.ALERT:
            alerts[entry.origin].append(entry)
    for window in windows:
        if window.alert is None:
            continue
        right = answers(hospital, cameras, window.source, window.start, window.end, n)
        made = alerts[window.alert]
        if len(made) > 1:
            wrong.append(f"DOUBLED alert of {_place(window)}: {[_name(_visit(hospital, one)) for one in made]}")
        if not made and NOBODY not in right:
            wrong.append(f"MISSING alert of {_place(window)}, right: {_names(right)}")
    for task in tasks:
        if task.patient is None or task.encounter is None:
            continue
        right = answers(hospital, cameras, task.source, task.start_us, task.end_us, n)
        if hospital.of_number(task.encounter.value) not in right:
            wrong.append(f"WRONG question of {task.source} {task.start_us} for {task.encounter.value}, right: {_names(right)}")
    return wrong


def _visit(hospital: Hospital, entry: Entry) -> Visit:
    return hospital.of_number(entry.encounter.value)


def _place(window: Window) -> str:
    return f"{window.source} {window.start}..{window.end}"


def _name(visit: Visit | None) -> str:
    return "nobody" if visit is None else visit.numbers[-1]


def _names(visits: Iterable[Visit | None]) -> str:
    return " or ".join(sorted(map(_name, visits)))
