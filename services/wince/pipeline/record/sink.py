"""Record's sink: a batch of messages becomes rows, entries, deliveries and links of the audit chain in one PostgreSQL transaction.

`commit` returns after the COMMIT: what it was given is acknowledged, for ever, once. A message whose id is known changes nothing; if
its content is another, that is audited as an alarm and the first stands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from wince.clock import Clock, wall_us
from wince.delivery.interface import Target, distinct
from wince.domain.assessment import Alert, Assessment, Question, Verdict
from wince.domain.audit import digest
from wince.domain.entry import Entry, TaskEntry
from wince.domain.ids import content_hash
from wince.domain.persons import Named, Persons
from wince.domain.reason import Reason
from wince.domain.score import Outranking
from wince.domain.snapshot import Snapshot
from wince.domain.stay import Stay
from wince.pipeline.record import alarms, aside, bindings, locks, review_rows, rows
from wince.pipeline.record.effects import Key, SourceState
from wince.pipeline.record.poison import is_poison
from wince.pipeline.record.review.questions import Asker
from wince.pipeline.record.reviewer import Reviewer
from wince.pipeline.record.stage import Effects, Known, Message, Who, plan
from wince.pipeline.record.undoing import CONSUMER, follow, still_ahead
from wince.pipeline.record.writing import write
from wince.protocols.rules import ClinicalProtocol
from wince.store import reviews, undoing
from wince.store import snapshots as store_snapshots
from wince.store.audit import append
from wince.store.database import Database, Tx
from wince.store.plain import dump
from wince.telemetry import logs

log = logs.get("wince.record.sink")

AT_ONCE = 8
"""Slices of reviews that a commit does after its own; the rest is done beside (`review`)."""
DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Committed:
    """What a batch came to."""

    taken: int
    """Messages that were new."""
    known: int
    """Messages that had been taken before."""
    entries: tuple[Entry, ...]
    """Charted now, corrections included."""
    tasks: tuple[TaskEntry, ...]
    """Questions, new revisions included; those without a patient stay in the worklist."""
    alarms: tuple[UUID, ...]
    """Ids that came with another content than the one that stands."""


_NOTHING = Committed(0, 0, (), (), ())


class PostgresSink:
    """Writes what grade found and nurses said. Thread-safe; replicas and threads write beside each other, for an encounter one at a time.

    `targets`: what entries are delivered to, each with a body and a row of its own; none: they stand in Wince's own tables alone.
    `fold`: whose snapshots are kept with the batch. `clock`: microseconds UTC. `consent_required`: nothing is charted of who has not
    consented; of who refused, never. `score_valid_us`: for how long a self-report outranks the model; 0: none is looked for.
    """

    def __init__(
        self,
        database: Database,
        protocols: Mapping[str, ClinicalProtocol],
        targets: Sequence[Target],
        *,
        fold: str = "grade",
        clock: Clock = wall_us,
        consent_required: bool = False,
        score_valid_us: int = 0,
    ) -> None:
        self._valid_us = score_valid_us
        self._consent_required = consent_required
        self._database = database
        self._protocols = protocols
        self._targets = distinct(targets)
        self._fold = fold
        self._clock = clock
        self._reviewer = Reviewer(
            database, protocols, self._targets, clock, consent_required=consent_required, score_valid_us=score_valid_us
        )

    def commit(self, messages: Sequence[Message], snapshots: Sequence[Snapshot] = ()) -> Committed:
        """Returns when all of it is durable; raises and has written nothing otherwise.

        A snapshot goes with the batch that holds the last message it covers. Raises Unavailable, ResourceError, StoreError (try the same
        batch again), MessageError (a protocol is not loaded).
        """
        # A batch may hold the same message twice (redelivery): the first counts.
        hashes: dict[UUID, bytes] = {}
        first: list[Message] = []
        contents = [(message, content_of(message)) for message in messages]
        for message, content in contents:
            if message.id not in hashes:
                hashes[message.id] = content
                first.append(message)
        with self._database.together():
            with self._database.transaction() as tx:
                sources = aside.sources_of(tx, first)
                alone = locks.batch(tx, {*sources.values(), *(snapshot.source for snapshot in snapshots)} - {""})
                there = aside.queue(tx, first, sources)
                self._keep_states(tx, snapshots)  # before the trail's lock is taken
                done = self._write(tx, there, contents, hashes, alone=alone)
                again = reviews.waiting(tx)
            review = self._review(AT_ONCE) if again else _NOTHING
        return replace(done, entries=(*done.entries, *review.entries), tasks=(*done.tasks, *review.tasks))

    def _keep_states(self, tx: Tx, snapshots: Sequence[Snapshot]) -> None:
        undone, now_us = undoing.latest(tx, {one.source for one in snapshots}), self._clock()
        store_snapshots.save(tx, self._fold, [one for one in snapshots if not still_ahead(one.source, one.closed_until_us, undone, now_us)])

    def _write(
        self, tx: Tx, first: Sequence[Message], contents: Sequence[tuple[Message, bytes]], hashes: Mapping[UUID, bytes], *, alone: bool
    ) -> Committed:
        """`first`: each message once; `contents`: all of them with their hashes."""
        undone = undoing.latest(tx, {one.source for one in first if not isinstance(one, Verdict)})
        first = [one for one in first if isinstance(one, Verdict) or not still_ahead(one.source, one.end_us, undone, self._clock())]
        wanted = {message.id for message in first}
        contents = [(message, content) for message, content in contents if message.id in wanted]
        new, others = rows.take(tx, CONSUMER, {identity: content for identity, content in hashes.items() if identity in wanted})
        others |= {message.id: content for message, content in contents if content != hashes[message.id]}
        now_us = self._clock()
        effects = self._plan(tx, [message for message in first if message.id in new], now_us, alone=alone)
        if undone:
            follow(tx, effects)
        facts = write(tx, effects, hashes, self._targets, undoing.times(tx, wanted) if undone else None)
        review_rows.ask_of_sums(tx, effects.late)
        if others:
            # Under the audit lock, so that two replicas don't both say it.
            append(tx, (), now_us)
        other = alarms.said(tx, [message for message, _ in contents], others)
        if facts := [*other.facts, *facts]:
            append(tx, facts, now_us)
        return Committed(len(new), len(contents) - len(new), tuple(effects.entries), tuple(effects.tasks), other.alarms)

    def apart(self, messages: Sequence[Message], snapshots: Sequence[Snapshot] = ()) -> Committed:
        """As `commit`, each camera in a transaction of its own: what can't be written of one is set aside (aside.py), and kept from then on
        behind that; the others are written. Raises Unavailable, ResourceError, StoreError; then part of it may be written already."""
        with self._database.transaction() as tx:
            sources = aside.sources_of(tx, messages)
        found = _NOTHING
        for source in dict.fromkeys([*sources.values(), *(one.source for one in snapshots)]):
            mine = [one for one in messages if sources[one.id] == source]
            states = [one for one in snapshots if one.source == source]
            try:
                done = self.commit(mine, states)
            except Exception as error:
                if not is_poison(error):
                    raise
                with self._database.transaction() as tx:
                    aside.set_aside(tx, source, mine, error, self._clock())
                done = self._states_alone(states)
            found = Committed(
                found.taken + done.taken,
                found.known + done.known,
                (*found.entries, *done.entries),
                (*found.tasks, *done.tasks),
                (*found.alarms, *done.alarms),
            )
        return found

    def _states_alone(self, snapshots: Sequence[Snapshot]) -> Committed:
        """Grade's state covers windows that are kept, though set aside. Where it can't be written itself, grade begins without it."""
        try:
            return self.commit((), snapshots)
        except Exception as error:
            if not is_poison(error):
                raise
            log.error("grade's state can't be written", error=error)
            return _NOTHING

    def try_again(self) -> int:
        """Try what is set aside and due; how many messages were written. Raises Unavailable, ResourceError, StoreError."""

        def again(tx: Tx, messages: Sequence[Message]) -> None:
            hashes: dict[UUID, bytes] = {}
            first: dict[UUID, Message] = {}
            contents = [(message, content_of(message)) for message in messages]
            for message, content in contents:
                hashes.setdefault(message.id, content)
                first.setdefault(message.id, message)
            self._write(tx, list(first.values()), contents, hashes, alone=False)

        return aside.try_again(self._database, again)

    def review(self, slices: int | None = None) -> Committed:
        """Look again at what is asked for (reviewer.py), at most so many slices of it; `commit` does some of it too, after its own.

        Raises Unavailable, ResourceError, StoreError.
        """
        with self._database.together():
            return self._review(slices)

    def _review(self, slices: int | None) -> Committed:
        found = self._reviewer.review(slices)
        return Committed(0, 0, tuple(found.entries), tuple(found.tasks), ())

    def _plan(self, tx: Tx, messages: Sequence[Message], now_us: int, *, alone: bool) -> Effects:
        if not messages:
            return Effects()
        known = rows.known(tx, messages)
        timed: list[Assessment | Alert | Question] = [item for item in messages if isinstance(item, Assessment | Alert | Question)]
        sources = {item.source for item in timed}
        timed += known.assessments.values()
        states = rows.states(tx, sources)
        spans = {(item.source, item.start_us, item.end_us) for item in timed} | _missing(messages, states)
        who = bindings.who(tx, spans, consent_required=self._consent_required)
        if not alone:
            lying = {who(*span) for span in spans} | set(rows.answered(tx, messages))
            locks.encounters(tx, {one.encounter for one in lying if not isinstance(one, Reason) and one.encounter})
        known = replace(known, tasks=_tasks(tx, messages, known, who), outranking=self._outranking(tx, spans, who))
        known = replace(known, persons=_persons(tx, known, states, [found for span in spans if isinstance(found := who(*span), Stay)]))
        return plan(messages, states, who, known, self._protocols, now_us)

    def _outranking(self, tx: Tx, spans: Collection[tuple[str, int, int]], who: Who) -> Outranking:
        """Of everybody who lay there. A summary looks back an hour and more, so a day is taken."""
        if not spans:
            return Outranking()
        lying = [found for span in spans if isinstance(found := who(*span), Stay)]
        low, high = min(start for _, start, _ in spans), max(end for _, _, end in spans)
        return bindings.outranking(tx, lying, low - DAY_US, high, self._valid_us)


def _missing(messages: Iterable[Message], states: Mapping[Key, SourceState]) -> set[tuple[str, int, int]]:
    """From the window that each protocol charted last up to its first one here, where windows are missing between."""
    first: dict[Key, Assessment] = {}
    for item in messages:
        if isinstance(item, Assessment):
            first.setdefault((item.source, item.protocol), item)
    seen = {key: state.chart.seen_us for key, state in states.items() if state.chart.stay is not None}
    return {(key[0], at, one.end_us) for key, one in first.items() if (at := seen.get(key)) is not None and at < one.start_us}


def content_of(message: Message) -> bytes:
    """sha256 of what the message says, 32 bytes."""
    return digest(dump(message)) if isinstance(message, Verdict) else content_hash(message)


def _persons(tx: Tx, known: Known, states: Mapping[Key, SourceState], lying: Sequence[Stay]) -> Persons:
    """Which numbers of all of these mean one person, and one visit."""
    named: list[Named] = [*lying, *(entry for found in known.entries.values() for entry in found)]
    named += [state.chart.stay for state in states.values() if state.chart.stay is not None]
    named += [Asker.of(task) for task in known.tasks if task.encounter is not None]
    return bindings.persons(tx, named)


def _tasks(tx: Tx, messages: Sequence[Message], known: Known, who: Who) -> list[TaskEntry]:
    """Open questions that these messages have to do with, each once."""
    windows = dict(known.assessments) | {item.id: item for item in messages if isinstance(item, Assessment)}
    spans: list[Assessment | Question] = [item for item in messages if isinstance(item, Question)]
    spans += [windows[item.assessment] for item in messages if isinstance(item, Verdict) and item.assessment in windows]
    stays = [who(item.source, item.start_us, item.end_us) for item in spans]
    of_encounters = rows.open_tasks(tx, [stay.encounter for stay in stays if isinstance(stay, Stay)])
    return list({task.id: task for task in (*rows.answered(tx, messages), *of_encounters, *rows.who_lies(tx, messages))}.values())
