"""Record's sink: a batch of messages becomes rows, entries, deliveries and links of the audit chain in one PostgreSQL transaction.

`commit` returns after the COMMIT: what it was given is acknowledged, for ever, once. A message whose id is known changes nothing; if
its content is another, that is audited as an alarm and the first stands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from wince.clock import Clock, wall_us
from wince.delivery.interface import Target, distinct
from wince.domain.assessment import Alert, Assessment, Question, Verdict
from wince.domain.audit import digest
from wince.domain.entry import Entry, TaskEntry
from wince.domain.ids import content_hash
from wince.domain.reason import Reason
from wince.domain.score import Score
from wince.domain.snapshot import Snapshot
from wince.domain.stay import Stay
from wince.pipeline.record import alarms, locks, rows
from wince.pipeline.record.stage import Effects, Known, Message, Who, correct, plan
from wince.pipeline.record.who import who_lay
from wince.protocols.rules import ClinicalProtocol
from wince.store import scores
from wince.store import snapshots as store_snapshots
from wince.store import stays as store_stays
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx
from wince.store.plain import dump

CONSUMER = "record"
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
        with self._database.transaction() as tx:
            alone = locks.batch(tx, _sources(tx, first) | {snapshot.source for snapshot in snapshots})
            new, others = rows.take(tx, CONSUMER, hashes)
            others |= {message.id: content for message, content in contents if content != hashes[message.id]}
            now_us = self._clock()
            effects = self._plan(tx, [message for message in first if message.id in new], now_us, alone=alone)
            facts = self._write(tx, effects, hashes)
            store_snapshots.save(tx, self._fold, snapshots)
            if others:
                # Under the audit lock, so that two replicas don't both say it.
                append(tx, (), now_us)
            other = alarms.said(tx, messages, others)
            facts = [*other.facts, *facts]
            doubted = self._seal(tx, effects, facts, now_us)
        review = self.review() if doubted else _NOTHING
        entries = (*effects.entries, *review.entries)
        return Committed(len(new), len(messages) - len(new), entries, (*effects.tasks, *review.tasks), other.alarms)

    def review(self) -> Committed:
        """Corrects entries whose stay turned out to have been another, in a transaction of its own; `commit` does it too, after its own.

        Raises as `commit`.
        """
        with self._database.transaction() as tx:
            locks.review(tx)
            effects = self._review(tx, self._clock())
        return Committed(0, 0, tuple(effects.entries), tuple(effects.tasks), ())

    def _plan(self, tx: Tx, messages: Sequence[Message], now_us: int, *, alone: bool) -> Effects:
        if not messages:
            return Effects()
        known = rows.known(tx, messages)
        timed: list[Assessment | Alert | Question] = [item for item in messages if isinstance(item, Assessment | Alert | Question)]
        sources = {item.source for item in timed}
        timed += known.assessments.values()
        spans = {(item.source, item.start_us, item.end_us) for item in timed}
        who = self._who(tx, spans, now_us)
        if not alone:
            lying = {who(*span) for span in spans} | set(rows.answered(tx, messages))
            locks.encounters(tx, {one.encounter for one in lying if not isinstance(one, Reason) and one.encounter})
        known = replace(known, tasks=_tasks(tx, messages, known, who), scores=self._scores(tx, spans, who), valid_us=self._valid_us)
        return plan(messages, rows.states(tx, sources), who, known, self._protocols, now_us)

    def _review(self, tx: Tx, now_us: int) -> Effects:
        stays = store_stays.unreviewed(tx)
        if not stays:
            return Effects()
        entries, tasks, latest = rows.written_to(tx, stays)
        written: list[Entry | TaskEntry] = [*entries, *tasks]
        who = self._who(tx, {(item.source, item.start_us, item.end_us) for item in written}, now_us)
        lying = [who(item.source, item.start_us, item.end_us) for item in tasks]
        waiting = rows.open_tasks(tx, {one.encounter for one in lying if isinstance(one, Stay)})
        effects = correct(entries, tasks, who, latest, now_us, waiting)
        facts = self._write(tx, effects, {})
        self._seal(tx, effects, facts, now_us)
        store_stays.mark_reviewed(tx, stays)
        return effects

    def _scores(self, tx: Tx, spans: Collection[tuple[str, int, int]], who: Who) -> list[Score]:
        """Of everybody who lay there. A summary looks back an hour and more, so a day is taken."""
        lying = {found.encounter for span in spans if isinstance(found := who(*span), Stay)}
        if not self._valid_us or not lying:
            return []
        return scores.of_encounters(tx, lying, min(start for _, start, _ in spans) - DAY_US, max(end for _, _, end in spans))

    def _who(self, tx: Tx, spans: set[tuple[str, int, int]], as_of_us: int) -> Who:
        return who_lay(tx, spans, as_of_us, consent_required=self._consent_required)

    def _write(self, tx: Tx, effects: Effects, hashes: Mapping[UUID, bytes]) -> list[Fact]:
        """All rows but the audit trail's; what that is to hold."""
        made: list[Entry | TaskEntry] = [*effects.entries, *effects.tasks]
        waiting = [row for item in made for row in rows.outgoing(item, self._targets)]
        facts = [_taken(bound.message, hashes[bound.message.id], bound.stay) for bound in effects.bound]
        facts += [
            Fact(item.entry.id, item.entry.revision, _event(item.entry, item.state), 1, item.body or dump(item.entry), item.target)
            for item in waiting
        ]
        facts += [Fact(note.subject, note.revision, note.event, 1, dump(note.detail)) for note in effects.notes]
        facts += [
            Fact(item.entry.id, item.entry.revision, "dead", 0, dump({"detail": item.error}), item.target)
            for item in waiting
            if item.state == "dead"
        ]
        rows.save_messages(tx, effects.bound)
        rows.save_entries(tx, effects.entries)
        rows.save_questions(tx, effects)
        rows.save_outbox(tx, waiting, _windows(effects))
        rows.save_states(tx, effects.states)
        return facts

    @staticmethod
    def _seal(tx: Tx, effects: Effects, facts: Sequence[Fact], now_us: int) -> bool:
        """The audit trail over what was written, last: all writers wait for its lock. True where there is something to review.

        The hospital commits under the same lock: a stay that it stopped believing before us is doubted here, one that it stops believing
        after us finds our entries.
        """
        if facts:
            append(tx, facts, now_us)
        return store_stays.doubt(tx, sorted({entry.stay for entry in effects.entries}))


def content_of(message: Message) -> bytes:
    """sha256 of what the message says, 32 bytes."""
    return digest(dump(message)) if isinstance(message, Verdict) else content_hash(message)


def _sources(tx: Tx, messages: Sequence[Message]) -> set[str]:
    """The cameras that these messages are about. A verdict names its window; one that is not known yet is about nobody."""
    windows = {message.assessment for message in messages if isinstance(message, Verdict)}
    return rows.sources(tx, windows) | {message.source for message in messages if not isinstance(message, Verdict)}


def _windows(effects: Effects) -> dict[UUID, UUID]:
    """The assessments that questions of these effects are about, by the question's id."""
    messages = [bound.message for bound in effects.bound]
    asked = {one.id: one.assessment for one in messages if isinstance(one, Question)}
    return asked | {one.question: one.assessment for one in messages if isinstance(one, Verdict) and one.question is not None}


def _taken(message: Message, content: bytes, stay: UUID | None) -> Fact:
    return Fact(message.id, 1, type(message).__name__.lower(), 1, dump({"content": content.hex(), "stay": stay}))


def _event(item: Entry | TaskEntry, state: str) -> str:
    """What the trail says of an entry at a target; kept: this target takes nothing of it, it stands in Wince's own tables."""
    if state == "kept":
        return "kept"
    if isinstance(item, TaskEntry):
        return {"requested": "asked", "completed": "answered"}.get(item.status, item.status)
    return {"entered-in-error": "withdrawn"}.get(item.status, "charted")


def _tasks(tx: Tx, messages: Sequence[Message], known: Known, who: Who) -> list[TaskEntry]:
    """Open questions that these questions and verdicts have to do with, each once."""
    windows = dict(known.assessments) | {item.id: item for item in messages if isinstance(item, Assessment)}
    spans: list[Assessment | Question] = [item for item in messages if isinstance(item, Question)]
    spans += [windows[item.assessment] for item in messages if isinstance(item, Verdict) and item.assessment in windows]
    stays = [who(item.source, item.start_us, item.end_us) for item in spans]
    of_encounters = rows.open_tasks(tx, [stay.encounter for stay in stays if isinstance(stay, Stay)])
    return list({task.id: task for task in (*rows.answered(tx, messages), *of_encounters)}.values())
