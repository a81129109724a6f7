"""Who lay before which camera, as the database knows it in a transaction, and whom nothing may be charted of."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from wince.domain.binding import bed_of
from wince.domain.census import Kind
from wince.domain.persons import Named, Persons
from wince.domain.reason import Reason
from wince.domain.score import Outranking
from wince.domain.stay import Stay, Watch
from wince.domain.timeline import EVER_US, Timeline
from wince.domain.withheld import Withheld
from wince.pipeline.record.effects import Who
from wince.store import aliases, doubts, scores, stay_rows, studies
from wince.store import stays as store_stays
from wince.store.database import Tx
from wince.store.withheld import withheld

Span = tuple[str, int, int]
"""(source, start_us, end_us)."""


@dataclass(frozen=True, slots=True)
class Lying:
    """Who lay before one camera, and whether anything may be charted of it."""

    source: str
    watches: Sequence[Watch]
    timeline: Timeline
    held: Withheld

    def during(self, start_us: int, end_us: int) -> Stay | Reason:
        """See `binding.who_during`; OFF where the bed was switched off at some moment, CONSENT where its patient had not consented."""
        watch = bed_of(self.watches, self.source, start_us, EVER_US)
        if watch is not None and self.held.off(watch.bed, start_us, end_us):
            return Reason.OFF
        lay = self.timeline.during(start_us, end_us)
        return (self.held.during(lay, start_us, end_us) or lay) if isinstance(lay, Stay) else lay

    def stays(self) -> list[Stay]:
        """Whoever lay there at any time that is known here."""
        return self.timeline.stays()


def who(tx: Tx, spans: Collection[Span], *, consent_required: bool) -> Who:
    """Bindings for these spans, and all that lie within the time that they take together. A believed row counts whatever the clocks of
    hospital and record say."""
    if not spans:
        return lambda _source, _start_us, _end_us: Reason.NO_PATIENT
    sources = {source for source, _, _ in spans}
    low, high = min(start for _, start, _ in spans), max(end for _, _, end in spans)
    of = lying(tx, sources, low, high, consent_required=consent_required)

    @functools.cache  # asked for the locks, for the scores, and for the charting
    def found(source: str, start_us: int, end_us: int) -> Stay | Reason:
        return of[source].during(start_us, end_us) if source in of else Reason.NO_PATIENT

    return found


def lying(tx: Tx, sources: Iterable[str], from_us: int, to_us: int, *, consent_required: bool) -> dict[str, Lying]:
    """Of each of these cameras, from one moment to another, both included."""
    wanted = sorted(set(sources))
    watches = store_stays.watches(tx, wanted)
    beds = sorted({watch.bed for watch in watches})
    found: list[Stay] = store_stays.believed(tx, beds, from_us, to_us)
    named = _named(tx, wanted)
    beds = sorted({*beds, *(stay.bed for stays in named.values() for stay in stays)})
    doubted = doubts.overlapping(tx, beds, from_us, to_us + 1)
    held = withheld(tx, [*found, *(stay for stays in named.values() for stay in stays)], from_us, required=consent_required)
    mine: dict[str, list[Watch]] = defaultdict(list)
    for watch in watches:
        mine[watch.source].append(watch)
    of_bed: dict[str, list[Stay]] = defaultdict(list)
    for stay in found:
        of_bed[stay.bed].append(stay)

    def one(source: str) -> Lying:
        if (theirs := named.get(source)) is not None:
            beds_of = [Watch(source, stay.bed, stay.start_us, stay.end_us, stay.recorded_us) for stay in theirs]
            return Lying(source, beds_of, Timeline(beds_of, theirs, source, doubted), held)
        stays = [stay for bed in dict.fromkeys(watch.bed for watch in mine[source]) for stay in of_bed[bed]]
        return Lying(source, mine[source], Timeline(mine[source], stays, source, doubted), held)

    return {source: one(source) for source in wanted}


def _named(tx: Tx, sources: Sequence[str]) -> dict[str, list[Stay]]:
    """Of sources that are a patient's own pictures (`store/studies.py`): that patient's believed stays in the visit that they were bound
    to, under all their numbers. Nobody else's, whoever is believed in those beds by now."""
    found: dict[str, list[Stay]] = {}
    for source, person in studies.persons(tx, sources).items():
        visits = aliases.numbers(tx, Kind.VISIT, person.encounter)
        patients = set(aliases.numbers(tx, Kind.PERSON, person.patient))
        where = (
            "superseded_us IS NULL AND (encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY start_us"
        )
        found[source] = [stay for stay in stay_rows.read(tx, where, aliases.arrays(visits)) if stay.patient in patients]
    return found


def persons(tx: Tx, named: Iterable[Named]) -> Persons:
    """Which numbers mean one person, and one visit, as the hospital merged them; for those that are named."""
    found = list(named)
    patients, visits = {one.patient for one in found}, {one.encounter for one in found}
    return Persons(aliases.survivors(tx, Kind.PERSON, patients), aliases.survivors(tx, Kind.VISIT, visits))


def outranking(tx: Tx, lying: Iterable[Named], from_us: int, to_us: int, valid_us: int) -> Outranking:
    """Scores of these patients in these visits, said in [from, to), under whatever number they were said. `valid_us`: for how long each
    outranks the model; 0: none is looked for."""
    visits = {one.encounter for one in lying} if valid_us else set()
    if not visits:
        return Outranking()
    links = aliases.linked(tx, Kind.VISIT, visits) if aliases.merged(tx) else []
    found = scores.of_encounters(tx, visits | {number for link in links for number in (link.old, link.new)}, from_us, to_us)
    patients = aliases.survivors(tx, Kind.PERSON, {one.patient for one in found})
    encounters = aliases.survivors(tx, Kind.VISIT, {one.encounter for one in found})
    return Outranking([replace(one, patient=patients[one.patient], encounter=encounters[one.encounter]) for one in found], valid_us)
