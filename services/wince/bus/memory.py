"""The bus of one process: bounded queues in memory, with the promises that Kafka gives.

- Order per key, at least once. Keys are spread over partitions by CRC-32; a partition belongs to one consumer of a
  group at a time, and changes hands only between batches. One consumer gets the records of all its topics and
  partitions in the order in which they were published.
- A group that subscribed once keeps its position: what is published while none of its consumers runs waits for the
  next one, up to the bound; then publish blocks. What was published before any group subscribed waits likewise.
- A record that every group has handled is gone: a group that subscribes later does not see it.
- What a handler keeps by the positions that it returns stays in memory on top of the bound, until it moves them.
- A handler that raises an Exception gets the same batch again, after 50 ms, doubling up to 5 s. A BaseException that
  is none (SystemExit) ends that consumer; its batch goes to the next consumer of the group.
"""

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from heapq import merge
from itertools import islice

from wince.backoff import Backoff
from wince.bus.headers import complete
from wince.bus.interface import Handler, Owned, Partition, Positions, Record
from wince.bus.queues import Entry, Lane, Queue, Topic
from wince.errors import ConfigError, MessageError, Unavailable
from wince.telemetry import logs

log = logs.get(__name__)

AGAIN = Backoff(0.05, 5.0)
"""Between two attempts to hand over the same batch."""


class MemoryBus:
    """Implements `wince.bus.interface.Bus`. All times of waiting are conditions: nothing polls."""

    def __init__(self, *, max_records: int = 10_000, max_bytes: int = 64 << 20, partitions: int = 8, flush_s: float = 5.0) -> None:
        """Make an empty bus.

        Args:
            max_records: records that one group may have waiting per topic; publish blocks beyond.
            max_bytes: the same in bytes of keys, values and headers; a single record above it is refused.
            partitions: how many consumers of a group can share a topic.
            flush_s: how long close() lets running consumers work off what was accepted.
        """
        if min(max_records, max_bytes, partitions) < 1:
            raise ConfigError("the bounds of the bus must be at least 1", field="max_records, max_bytes, partitions")
        self._max_records, self._max_bytes, self._partitions, self._flush_s = max_records, max_bytes, partitions, flush_s
        self._lock = threading.Lock()
        self._space = threading.Condition(self._lock)
        self._topics: dict[str, Topic] = {}
        self._groups: dict[str, dict[str, Queue]] = {}
        self._consumers: list[_Consumer] = []
        self._sequence = 0
        self._closing = False
        self._closed = False

    def ensure_topics(self, topics: Sequence[str]) -> None:
        """Create what is missing."""
        with self._lock:
            for topic in topics:
                self._topics.setdefault(topic, Topic())

    def publish(self, topic: str, key: str, value: bytes, headers: dict[str, bytes] | None = None) -> "Future[None]":
        """Accept a record; blocks while a group that is subscribed has no room. The future: every group handled it.

        Raises:
            Unavailable: the bus is closed, or was closed while this call waited for room.
            MessageError: the record alone is larger than the bound.
        """
        headers = complete(topic, key, value, headers)
        size = len(key.encode()) + len(value) + sum(len(name) + len(content) for name, content in headers.items())
        if size > self._max_bytes:
            raise MessageError(f"a record of {size} bytes is above the bus's bound of {self._max_bytes}", field=topic)
        partition = zlib.crc32(key.encode()) % self._partitions
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            held = self._topics.setdefault(topic, Topic())
            while not self._refuses() and not self._room(topic, size):
                self._space.wait()
            if self._refuses():
                raise Unavailable("the bus is closed", field=topic)
            offset = held.offsets.get(partition, 0)
            held.offsets[partition] = offset + 1
            self._sequence += 1
            entry = Entry(self._sequence, Record(topic, key, value, headers, partition, offset), size, future)
            held.held[entry.sequence] = entry
            held.size += size
            for queues in self._groups.values():
                if topic in queues:
                    queues[topic].put(entry)
            self._wake([topic])
        return future

    def consume(
        self,
        topics: Sequence[str],
        group: str,
        handler: Handler,
        *,
        batch: int = 500,
        gather_s: float = 0.0,
        on_assigned: Owned | None = None,
        on_revoked: Owned | None = None,
    ) -> "_Consumer":
        """Start a consumer on a thread of its own. Consumers of one group share the partitions. It waits for no larger batch."""
        if batch < 1:
            raise ConfigError("a batch has at least one record", field="batch")
        with self._lock:
            if self._refuses():
                raise Unavailable("the bus is closed", field=group)
            queues = self._groups.setdefault(group, {})
            for topic in topics:
                held = self._topics.setdefault(topic, Topic())
                if topic not in queues:
                    queues[topic] = Queue([Lane(Partition(topic, index)) for index in range(self._partitions)])
                    for entry in held.held.values():
                        queues[topic].put(entry)
            consumer = _Consumer(self, tuple(dict.fromkeys(topics)), group, handler, batch, on_assigned, on_revoked)
            self._consumers.append(consumer)
            self._wake(consumer.topics)
        consumer.thread.start()
        return consumer

    def close(self) -> None:
        """Refuse and release publishers, let consumers work off what they can within `flush_s`, stop them.

        Handlers may still publish while that lasts. Futures of what remained unhandled fail with Unavailable.
        """
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._space.notify_all()
            self._space.wait_for(self._drained, timeout=self._flush_s)
            self._closed = True
            consumers = list(self._consumers)
            self._space.notify_all()
        for consumer in consumers:
            consumer.stop()
        with self._lock:
            left = [entry.future for topic in self._topics.values() for entry in topic.held.values()]
            for topic in self._topics.values():
                topic.held.clear()
        for future in left:
            future.set_exception(Unavailable("the bus was closed before the record was handled"))

    def failed(self) -> BaseException | None:
        """See `Bus.failed`: nothing runs here but consumers, and each says for itself what ended it."""
        return None

    # Below: called with the lock held.

    def _refuses(self) -> bool:
        handler = any(consumer.thread is threading.current_thread() for consumer in self._consumers)
        return self._closed or (self._closing and not handler)

    def _room(self, topic: str, size: int) -> bool:
        queues = [queues[topic] for queues in self._groups.values() if topic in queues]
        if not queues:
            held = self._topics[topic]
            return len(held.held) < self._max_records and held.size + size <= self._max_bytes
        return all(queue.records < self._max_records and queue.size + size <= self._max_bytes for queue in queues)

    def _wake(self, topics: Sequence[str]) -> None:
        for consumer in self._consumers:
            if any(topic in consumer.topics for topic in topics):
                consumer.ready.notify_all()

    def _drained(self) -> bool:
        return not any(self._groups[consumer.group][topic].records for consumer in self._consumers for topic in consumer.topics)

    def _share(self, consumer: "_Consumer") -> list[Lane]:
        """What should be `consumer`'s: every nth lane of each of its topics."""
        share = []
        for topic in consumer.topics:
            sharing = [other for other in self._consumers if other.group == consumer.group and topic in other.topics]
            place = sharing.index(consumer) if consumer in sharing else -1
            lanes = self._groups[consumer.group][topic].lanes
            share += [lane for index, lane in enumerate(lanes) if index % len(sharing) == place] if sharing else []
        return share

    def surplus(self, consumer: "_Consumer") -> list[Lane]:
        """What `consumer` holds and must give up."""
        share = {id(lane) for lane in self._share(consumer)}
        return [lane for lane in self.held(consumer) if id(lane) not in share]

    def gain(self, consumer: "_Consumer") -> list[Lane]:
        """What `consumer` takes now: its share where nobody holds it any more."""
        gained = [lane for lane in self._share(consumer) if lane.owner is None]
        for lane in gained:
            lane.owner = consumer
        return gained

    def held(self, consumer: "_Consumer") -> list[Lane]:
        """What `consumer` holds."""
        return [lane for topic in consumer.topics for lane in self._groups[consumer.group][topic].lanes if lane.owner is consumer]

    def take(self, consumer: "_Consumer") -> list[Entry]:
        """The next batch for `consumer`, of what it holds; empty where there is none."""
        heads = (islice(lane.waiting, consumer.batch) for lane in self.held(consumer))
        return list(islice(merge(*heads, key=lambda entry: entry.sequence), consumer.batch))

    def commit(self, consumer: "_Consumer", taken: list[Entry], positions: Positions | None) -> "list[Future[None]]":
        """`consumer` handled `taken`; gives the futures that are now to be resolved, outside the lock."""
        done = []
        queues = self._groups[consumer.group]
        for entry in taken:
            first = queues[entry.record.topic].handle(entry)
            topic = self._topics[entry.record.topic]
            if first and entry.groups == 0 and entry.sequence in topic.held:
                del topic.held[entry.sequence]
                topic.size -= entry.size
                done.append(entry.future)
        if positions is None:
            positions = {Partition(entry.record.topic, entry.record.partition): entry.record.offset + 1 for entry in taken}
        for partition, position in positions.items():
            if partition.topic in queues and 0 <= partition.index < self._partitions:
                queues[partition.topic].commit(partition.index, position)
        self._space.notify_all()
        return done

    def give_up(self, consumer: "_Consumer", lanes: list[Lane]) -> None:
        """`consumer` goes from `lanes`; the others of the group look again."""
        for lane in lanes:
            self._groups[consumer.group][lane.partition.topic].give_up(lane)
        self._wake(consumer.topics)

    def leave(self, consumer: "_Consumer") -> None:
        """`consumer` has ended."""
        if consumer in self._consumers:
            self._consumers.remove(consumer)
            self.give_up(consumer, self.held(consumer))
        self._space.notify_all()


class _Consumer:
    """A running consumer: implements `wince.bus.interface.Subscription`."""

    def __init__(
        self,
        bus: MemoryBus,
        topics: tuple[str, ...],
        group: str,
        handler: Handler,
        batch: int,
        on_assigned: Owned | None,
        on_revoked: Owned | None,
    ) -> None:
        self.topics, self.group, self.batch = topics, group, batch
        self._bus, self._handler, self._on_assigned, self._on_revoked = bus, handler, on_assigned, on_revoked
        self._lock = bus._lock
        self.ready = threading.Condition(self._lock)
        self._stopped = False
        self._failed: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name=f"bus-{group}", daemon=True)

    def stop(self, timeout_s: float = 10.0) -> None:
        """Finish the batch in hand, commit it, end. Called by the handler itself, it ends after that batch."""
        with self._lock:
            self._stopped = True
            self.ready.notify_all()
        if self.thread is not threading.current_thread():
            self.thread.join(timeout_s)

    def failed(self) -> BaseException | None:
        """What ended the consumer for good; None while it runs or after a plain stop."""
        return self._failed

    def _run(self) -> None:
        try:
            while taken := self._next():
                if not self._handled(taken):
                    break
            with self._lock:
                mine = self._bus.held(self)
            self._tell_revoked(mine)
        except BaseException as error:
            self._failed = error
            log.error("consumer ended", group=self.group, error=error)
        finally:
            with self._lock:
                self._bus.leave(self)

    def _next(self) -> list[Entry]:
        """A batch, after what had to change hands has; empty where the consumer is stopped."""
        while True:
            with self._lock:
                if self._stopped:
                    return []
                lost = self._bus.surplus(self)
                gained = [] if lost else self._bus.gain(self)
                if not lost and not gained:
                    if taken := self._bus.take(self):
                        return taken
                    self.ready.wait()
                    continue
            if lost:
                self._tell_revoked(lost)
                with self._lock:
                    self._bus.give_up(self, lost)
            elif self._on_assigned is not None:
                self._until_done(partial(self._on_assigned, [lane.partition for lane in gained]), "take partitions")

    def _tell_revoked(self, lanes: list[Lane]) -> None:
        if self._on_revoked is not None and lanes:
            try:
                self._on_revoked([lane.partition for lane in lanes])
            except Exception as error:
                log.error("revoking partitions failed", group=self.group, error=error)

    def _handled(self, taken: list[Entry]) -> bool:
        """Call the handler until it returns; False where the consumer was stopped before that."""
        records = [entry.record for entry in taken]
        kept: list[Positions | None] = []
        if not self._until_done(lambda: kept.append(self._handler(records)), "handle a batch"):
            return False
        with self._lock:
            done = self._bus.commit(self, taken, kept[0])
        for future in done:
            future.set_result(None)
        return True

    def _until_done(self, call: Callable[[], None], what: str) -> bool:
        """Call until it returns, with backoff; False where the consumer was stopped before that."""
        failures = 0
        while True:
            try:
                call()
                return True
            except Exception as error:
                failures += 1
                log.warning("failed; trying again", task=what, group=self.group, attempts=failures, error=error)
            if not self._wait(AGAIN.wait_s(failures)):
                return False

    def _wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        with self._lock:
            self.ready.wait_for(lambda: self._stopped, timeout=max(0.0, deadline - time.monotonic()))
            return not self._stopped
