"""One consumer of a group on Kafka: batches to a handler on a thread of its own, positions committed after it.

While brokers come and go it goes on; where the client can't, it is made again and reads on from the committed position. A handler that
fails is given the same batch again; after GIVE_UP_S of failing the consumer leaves the group, so that another may try, and comes back.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence, Set
from functools import partial
from heapq import merge
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka import errors as kafka_errors
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.structs import OffsetAndMetadata, TopicPartition

from wince.backoff import Backoff
from wince.bus.interface import Handler, Owned, Positions, Record
from wince.bus.kafka_options import RETRIABLE, KafkaOptions
from wince.bus.kafka_records import partitions_of, place_of, record_of, topic_of
from wince.parts import WatchedThread
from wince.telemetry import logs, metrics

log = logs.get(__name__)

AGAIN = Backoff(0.05, 5.0)
"""Between two attempts to hand over the same batch, or to make a client."""
GIVE_UP_S = 30.0
POLL_MS = 250
IDLE_MS = 500
"""How long a broker holds a question that it has no answer to."""
GATHER_BYTES = 4 << 20
"""A batch of this size is handed over without waiting for more."""
STARVED_S = 4.0
"""How long a client may return nothing before we check whether the broker has more."""
BARE_S, BARE = 10.0, Backoff(10.0, 300.0)
"""A client that owns no partition for this time joins the group again, and doubles the time: the leader may have shared out before it knew
the topics yet, and kafka-python does not always notice later."""
LOOK_S = 2.0
"""How often a missing topic is looked after."""


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes what changes hands, on the client's own thread; the consumer's thread acts on it after poll()."""

    def __init__(self, changes: deque[tuple[str, frozenset[TopicPartition]]]) -> None:
        self._changes = changes

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._changes.append(("revoked", frozenset(revoked)))

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        self._changes.append(("lost", frozenset(lost)))

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._changes.append(("assigned", frozenset(assigned)))


class KafkaSubscription:
    """Implements `wince.bus.interface.Subscription`."""

    def __init__(
        self,
        options: KafkaOptions,
        topics: tuple[str, ...],
        group: str,
        handler: Handler,
        batch: int,
        gather_s: float,
        on_assigned: Owned | None,
        on_revoked: Owned | None,
        regain: Callable[[], None],
    ) -> None:
        self._options, self._names, self._group, self._handler, self._batch = options, options.names, group, handler, batch
        self._topics = tuple(map(self._names.there, topics))
        self._gather_ms = round(gather_s * 1000)
        self._on_assigned, self._on_revoked, self._regain = on_assigned, on_revoked, regain
        self._stopped = threading.Event()
        self._failed: BaseException | None = None
        self._changes: deque[tuple[str, frozenset[TopicPartition]]] = deque()
        self._owned: set[TopicPartition] = set()
        self._rejoining = False
        self._handled: dict[TopicPartition, int] = {}
        """Next offset after what was handled since the partition came."""
        self._committed: dict[TopicPartition, int] = {}
        self._due: dict[TopicPartition, int] = {}
        """Positions to commit."""
        self._topic_ids: dict[str, Any] = {}
        self._looked = self._gave = 0.0
        self._stuck = False
        self._unreadable: tuple[TopicPartition, int] | None = None
        """Where the client failed last."""
        self._bare_since, self._bare_times = time.monotonic(), 0
        self.thread = WatchedThread(f"kafka-{group}", self._run, self._stopped)
        self.thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Finish the batch in hand, commit it, leave the group. Called by the handler itself, it ends after that batch."""
        self._stopped.set()
        if self.thread is not threading.current_thread():
            self.thread.join(timeout_s)

    def failed(self) -> BaseException | None:
        """What ended the consumer for good; None while it runs or after a plain stop."""
        return self._failed or self.thread.failed()

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set() and self._failed is None:
            consumer = None
            try:
                consumer = self._open()
                failures = 0
                self._work(consumer)
            except Exception as error:
                log.warning("making a new consumer", group=self._group, error=error)
            except BaseException as error:
                self._failed = error
                log.error("consumer ended", group=self._group, error=error)
            if self._failed is None:
                self._lose(self._owned)
            self._owned.clear()
            self._changes.clear()
            if consumer is not None:
                self._close(consumer)
            if not self._stopped.is_set():
                failures += 1
                self._stopped.wait(AGAIN.wait_s(failures))

    def _open(self) -> KafkaConsumer:
        consumer = KafkaConsumer(
            **self._options.client(),
            group_id=self._names.there(self._group),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(RangePartitionAssignor,),  # shares topics of equal size out alike
            session_timeout_ms=8000,
            heartbeat_interval_ms=1500,
            max_poll_interval_ms=120_000,
            max_poll_records=self._batch,
            fetch_min_bytes=GATHER_BYTES if self._gather_ms else 1,
            fetch_max_wait_ms=self._gather_ms or IDLE_MS,
            fetch_max_bytes=8 << 20,
            max_partition_fetch_bytes=1 << 20,
            allow_auto_create_topics=False,
        )
        self._topic_ids, self._rejoining = {}, False
        consumer.subscribe(list(self._topics), listener=_Listener(self._changes))
        deadline = time.monotonic() + BARE_S
        while any(consumer._cluster.partitions_for_topic(topic) is None for topic in self._topics):
            if self._stopped.wait(0.02) or time.monotonic() > deadline:
                break
        return consumer

    def _bare(self) -> bool:
        """Whether we own nothing for suspiciously long."""
        now = time.monotonic()
        if self._owned:
            self._bare_since, self._bare_times = now, 0
            return False
        if now - self._bare_since < BARE.wait_s(self._bare_times + 1):
            return False
        self._bare_since, self._bare_times = now, self._bare_times + 1
        log.info("no partition is assigned; joining the group again", group=self._group)
        return True

    def _close(self, consumer: KafkaConsumer) -> None:
        try:
            consumer.close(autocommit=False, timeout_ms=5000)
        except Exception as error:
            log.warning("the consumer did not leave in order", group=self._group, error=error)

    def _work(self, consumer: KafkaConsumer) -> None:
        """Until stopped, or until the client is to be made again."""
        self._stuck, self._gave = False, time.monotonic()
        while not self._stopped.is_set():
            polled = self._poll(consumer)
            if not self._settle() or not self._same_topics(consumer) or self._bare() or self._starves(consumer, bool(polled)):
                return
            if polled:
                merged = merge(*polled.values(), key=lambda one: one.timestamp)  # across topics in the order in which they came
                records = [record_of(one, self._names) for one in merged]
                if not self._hand(records):
                    return
            self._commit(consumer)

    def _hand(self, records: list[Record]) -> bool:
        """To the handler, until it returns; False where it did not."""
        kept: list[Positions | None] = []
        if not self._until_done(lambda: kept.append(self._handler(records)), "handle a batch"):
            return False
        self._note(records, kept[0])
        return True

    def _poll(self, consumer: KafkaConsumer) -> dict[TopicPartition, list[Any]]:
        try:
            polled: dict[TopicPartition, list[Any]] = consumer.poll(timeout_ms=POLL_MS, max_records=self._batch)
            return polled
        except kafka_errors.CorruptRecordError as error:
            self._pass_by(consumer, error)
            return {}
        except RETRIABLE as error:
            log.warning("Kafka gives nothing now", group=self._group, error=error)
            self._stopped.wait(0.2)
            return {}

    def _pass_by(self, consumer: KafkaConsumer, error: Exception) -> None:
        """The client can't hand over the next record of a partition: its checksum is wrong, or a header's name is not UTF-8. It is fetched
        again, by a new client. If that can't either, it is named in the log, counted, and passed by: else it would stop its partition for
        good. There is no dead letter, since nobody read it. Raises `error` the first time."""
        stuck = consumer._fetcher._next_partition_records  # the client says nowhere else whose record it was
        place: tuple[TopicPartition, int] | None = (
            None if stuck is None else (stuck.topic_partition, consumer.position(stuck.topic_partition, timeout_ms=5000))
        )
        if place is None or place != self._unreadable:
            self._unreadable = place
            raise error
        at, offset = place
        consumer.seek(at, offset + 1)
        metrics.unreadable(topic_of(at.topic, self._names))
        log.error("a record can't be read by any client; it is passed by", topic=at.topic, partition=at.partition, offset=offset)

    def _settle(self) -> bool:
        """Tell the owner what changed hands; False where it can't take what it was given.

        Every rebalance takes all partitions and gives all again. The client keeps its place in one that comes back, so the owner keeps
        its state: only the difference is told.
        """
        while self._changes:
            what, partitions = self._changes.popleft()
            self._rejoining = what != "assigned"
            if what == "lost":  # its place is forgotten, too
                self._lose(partitions & self._owned)
            elif what == "assigned":
                self._lose(self._owned - partitions)
                gained = partitions - self._owned
                self._owned |= gained
                told = self._on_assigned
                if told and gained and not self._until_done(partial(told, partitions_of(gained, self._names)), "take partitions"):
                    return False
        return True

    def _lose(self, partitions: Set[TopicPartition]) -> None:
        partitions = frozenset(partitions)
        for partition in partitions:
            for known in (self._handled, self._committed, self._due):
                known.pop(partition, None)
        self._owned -= partitions
        if partitions and self._on_revoked is not None:
            try:
                self._on_revoked(partitions_of(partitions, self._names))
            except Exception as error:
                log.error("revoking partitions failed", group=self._group, error=error)

    def _until_done(self, call: Callable[[], None], what: str) -> bool:
        """Call until it returns; False where the consumer was stopped before that or it failed for too long."""
        failures, deadline = 0, time.monotonic() + GIVE_UP_S
        while True:
            try:
                call()
                return True
            except Exception as error:
                failures += 1
                log.warning("failed; trying again", task=what, group=self._group, attempts=failures, error=error)
            if self._stopped.wait(AGAIN.wait_s(failures)) or time.monotonic() > deadline:
                return False

    def _note(self, records: Sequence[Record], positions: Positions | None) -> None:
        for record in records:
            self._handled[place_of(record, self._names)] = record.offset + 1
        if positions is None:
            wanted = {place_of(record, self._names): record.offset + 1 for record in records}
        else:
            wanted = {place_of(partition, self._names): position for partition, position in positions.items()}
        for at, position in wanted.items():
            reached = min(position, self._handled.get(at, 0))
            if at in self._owned and reached > self._committed.get(at, 0):
                self._due[at] = reached

    def _commit(self, consumer: KafkaConsumer) -> None:
        """What can't be committed now is tried again after the next poll, as long as the partition is ours."""
        if not self._due or self._rejoining:
            return
        try:
            consumer.commit({at: OffsetAndMetadata(position) for at, position in self._due.items()}, timeout_ms=5000)
        except RETRIABLE as error:
            log.warning("positions can't be committed now", group=self._group, error=error)
        else:
            self._committed |= self._due
            self._due = {}

    def _starves(self, consumer: KafkaConsumer, polled: bool) -> bool:
        """True where the client, twice in a row, gave nothing for a while although there is more than it gave. Seen of kafka-python
        3.0.12 after a broker was killed: it polls without pause and fetches nothing, for good. A new client fetches at once."""
        now = time.monotonic()
        if polled or now - self._gave < STARVED_S:
            if polled:
                self._stuck, self._gave = False, now
            return False
        self._gave = now
        try:
            owned = list(self._owned)
            ends = consumer.end_offsets(owned, timeout_ms=2000) if owned else {}
            behind = any(consumer.position(at, timeout_ms=1000) < end for at, end in ends.items() if end)
        except Exception as error:
            log.info("consumer lag can't be read now", group=self._group, error=error)
            return False
        if behind and self._stuck:
            log.warning("the client returned nothing although records wait; making a new one", group=self._group)
            return True
        self._stuck = behind
        return False

    def _same_topics(self, consumer: KafkaConsumer) -> bool:
        """False where a topic was made again under its name: positions in the old one mean nothing. Missing ones are made."""
        cluster = consumer._cluster
        missing = False
        for topic in self._topics:
            known, now = self._topic_ids.get(topic), cluster.topic_id(topic)
            if now is None:
                missing = True
            elif known is not None and now != known:
                log.warning("a topic was made again", topic=topic, group=self._group)
                return False
            else:
                self._topic_ids[topic] = now
        if missing and time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            try:
                self._regain()
                cluster.request_update()
            except Exception as error:
                log.warning("topics can't be checked now", group=self._group, error=error)
        return True
