"""What goes out to Kafka: accepted into a bounded queue, sent by an idempotent producer in order, kept until acknowledged.

The producer tries for ever: an outage makes publishers wait, it loses nothing. What it can't do is go on after certain errors (its
identity is unknown to a broker that forgot). Then it is made again and everything unacknowledged is sent again in the order of
publishing; a record may so come twice. When the broker refuses a record for itself (too large), the producer fails with it and with
everything behind it: those are then sent one by one, and only what is refused alone fails.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from wince.bus.access import Right
from wince.bus.kafka_options import KafkaOptions
from wince.errors import MessageError, Unavailable
from wince.parts import WatchedThread
from wince.telemetry import logs

log = logs.get(__name__)

CHUNK = 200
LINGER_MS = 50
"""How long a record waits for others to go with it: each request costs a broker and a consumer as much as thirty records."""
WATCH_S = 1.0
"""While records are unacknowledged, how often it is looked whether the broker has forgotten its topics."""
STALE_S = 3.0
"""Unacknowledged this long: it is seen to that the topics exist."""
ALONE_S = 30.0
_OWN_FAULT = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidRecordError,
    kafka_errors.InvalidTopicError,
)


@dataclass(slots=True, eq=False)
class _Letter:
    """A record until it is acknowledged."""

    number: int
    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    size: int
    future: Future[None]
    sent_s: float = 0.0
    suspect: bool = False
    """It, or what was sent beside it, was refused."""


class Outbox:
    """Bounded, ordered, one thread of its own."""

    def __init__(self, options: KafkaOptions, *, max_records: int, max_bytes: int, max_record: int, regain: Callable[[], None]) -> None:
        """regain: sees to it that our topics exist; may raise WinceError."""
        self._options, self._max_records, self._max_bytes, self._max_record = options, max_records, max_bytes, max_record
        self._regain = regain
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._work = threading.Condition(self._lock)
        self._pending: dict[int, _Letter] = {}
        """Not acknowledged, in order of publishing."""
        self._todo: deque[_Letter] = deque()
        """The tail of it, not yet given to the producer."""
        self._size = self._number = self._generation = 0
        self._broken = self._closing = self._ended = False
        self._producer: KafkaProducer | None = None
        self._topic_ids: dict[str, Any] = {}
        self._over = threading.Event()
        self._thread = WatchedThread("kafka-outbox", self._work_off, self._over)
        self._thread.start()

    def accept(self, topic: str, key: str, value: bytes, headers: dict[str, bytes], *, while_closing: bool = False) -> Future[None]:
        """Blocks while there is no room. Raises Unavailable once the bus is closed, MessageError for a record that is too large."""
        name = key.encode()
        size = len(name) + len(value) + sum(len(head) + len(content) for head, content in headers.items())
        if size > min(self._max_record, self._max_bytes):
            raise MessageError(f"a record of {size} bytes is above the bound of {self._max_record}", field=topic)
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            while not self._refuses(while_closing) and (len(self._pending) >= self._max_records or self._size + size > self._max_bytes):
                self._room.wait()
            if self._refuses(while_closing):
                raise Unavailable("the bus is closed", field=topic)
            self._number += 1
            letter = _Letter(self._number, topic, name, value, list(headers.items()), size, future)
            self._pending[letter.number] = letter
            self._todo.append(letter)
            self._size += size
            self._work.notify()
        return future

    def refuse(self) -> None:
        """From now on only handlers that finish their batch may publish."""
        with self._lock:
            self._closing = True
            self._room.notify_all()

    def close(self, flush_s: float) -> None:
        """Wait for acknowledgements, then end; what is left fails with Unavailable."""
        with self._lock:
            self._closing = True
            self._room.wait_for(lambda: not self._pending, timeout=flush_s)
            self._ended = True
            self._work.notify_all()
            self._room.notify_all()
        self._over.set()
        self._thread.join(30)
        self._give_up("the bus was closed before Kafka acknowledged the record")

    def failed(self) -> BaseException | None:
        """What ended the sending for good."""
        return self._thread.failed()

    def _give_up(self, why: str) -> None:
        with self._lock:
            left = list(self._pending.values())
            self._pending.clear()
        for letter in left:
            letter.future.set_exception(Unavailable(why, field=letter.topic))

    def _work_off(self) -> None:
        """If this thread dies, its waiters get an error; the process ends by `failed`."""
        try:
            self._run()
        except BaseException:
            with self._lock:
                self._ended = True
                self._room.notify_all()
            self._give_up("the bus failed before Kafka acknowledged the record")
            raise

    def _refuses(self, while_closing: bool) -> bool:
        return self._ended or (self._closing and not while_closing)

    def _run(self) -> None:
        while (chunk := self._next()) is not None:
            if self._forgotten():
                self._break(self._generation)
                continue
            if chunk:
                self._send(chunk)
            else:
                self._see_to_stale()
        self._drop()

    def _next(self) -> list[_Letter] | None:
        """What is to be sent; an empty list where it is time to look after what was sent; None at the end."""
        with self._lock:
            broken = self._broken
        if broken:
            self._drop()
        with self._lock:
            if broken:
                self._broken = False
                self._todo = deque(self._pending.values())
            while not self._todo and not self._ended and not self._broken:
                if not self._work.wait(WATCH_S if self._pending else None):
                    return []
            if self._ended:
                return None
            return [] if self._broken else [self._todo.popleft() for _ in range(min(CHUNK, len(self._todo)))]

    def _send(self, chunk: list[_Letter]) -> None:
        producer = self._connected()
        generation, now = self._generation, time.monotonic()
        for place, letter in enumerate(chunk):
            alone = letter.suspect
            try:
                if producer is None:
                    raise kafka_errors.KafkaTimeoutError
                if alone:
                    producer.flush(ALONE_S)
                sent = producer.send(self._options.names.there(letter.topic), letter.value, letter.key, letter.headers)
            except kafka_errors.KafkaError as error:
                log.warning("Kafka takes nothing now", topic=letter.topic, error=error)
                with self._lock:
                    self._todo.extendleft(reversed(chunk[place:]))
                    ended = self._ended
                if not ended:
                    self._try_regain()
                    time.sleep(0.2)
                return
            letter.sent_s = now
            sent.add_callback(self._acknowledged, letter)
            sent.add_errback(self._failed, letter, generation, alone)
            if alone:
                with suppress(kafka_errors.KafkaError):
                    sent.get(ALONE_S)
            if generation != self._generation:
                return  # made again: what is pending is sent again

    def _connected(self) -> KafkaProducer | None:
        if self._producer is None:
            try:
                self._producer = KafkaProducer(
                    **self._options.client(),
                    acks="all",
                    enable_idempotence=True,
                    delivery_timeout_ms=86_400_000,  # a day: an outage is waited for, not answered with an error
                    linger_ms=LINGER_MS,
                    batch_size=256 << 10,
                    max_request_size=self._max_record + 4096,
                    max_block_ms=2000,
                    allow_auto_create_topics=False,
                )
                self._topic_ids = {}
            except (kafka_errors.KafkaError, OSError, ValueError) as error:
                log.warning("no producer could be made", error=self._options.error(error))
        return self._producer

    def _acknowledged(self, letter: _Letter, _: Any) -> None:
        with self._lock:
            if self._pending.pop(letter.number, None) is None:
                return
            self._size -= letter.size
            self._room.notify_all()
        letter.future.set_result(None)

    def _failed(self, letter: _Letter, generation: int, alone: bool, error: BaseException) -> None:
        """On the producer's own thread: it must not send what comes after before this is sent again."""
        own = isinstance(error, (*_OWN_FAULT, kafka_errors.AuthorizationError))
        if own and alone:
            self._refused(letter, error)
        letter.suspect = letter.suspect or own
        if generation == self._generation:
            log.warning("making a new producer", topic=letter.topic, error=error)
            self._break(generation)

    def _refused(self, letter: _Letter, error: BaseException) -> None:
        with self._lock:
            if self._pending.pop(letter.number, None) is None:
                return
            self._size -= letter.size
            self._room.notify_all()
        if isinstance(error, kafka_errors.AuthorizationError):
            letter.future.set_exception(self._options.refused([Right("topic", self._options.names.there(letter.topic), "Write")]))
        else:
            letter.future.set_exception(MessageError(f"Kafka refuses the record ({type(error).__name__})", field=letter.topic))

    def _break(self, generation: int) -> None:
        with self._lock:
            if generation != self._generation:
                return
            self._generation += 1
            self._broken = True
            self._work.notify()
        if self._producer is not None:
            self._producer._sender.force_close()  # the library's close() would first wait for what can't be sent

    def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            self._generation += 1
            producer._sender.force_close()
            try:
                producer.close(timeout=5)
            except kafka_errors.KafkaError as error:
                log.warning("the producer did not end in time", error=error)

    def _forgotten(self) -> bool:
        """Whether a topic is another one than before under the same name: the broker lost everything, producer identities too, and an
        old identity could meet a new one that has the same number."""
        if self._producer is None:
            return False
        cluster = self._producer._metadata
        for topic in list(getattr(cluster, "_topics", ())):
            known, now = self._topic_ids.get(topic), cluster.topic_id(topic)
            if now is not None and known is not None and now != known:
                log.warning("a topic was made again", topic=topic)
                return True
            if now is not None:
                self._topic_ids[topic] = now
        return False

    def _see_to_stale(self) -> None:
        with self._lock:
            oldest = next(iter(self._pending.values()), None)
        if oldest is not None and oldest.sent_s and time.monotonic() - oldest.sent_s > STALE_S:
            self._try_regain()

    def _try_regain(self) -> None:
        try:
            self._regain()
        except Exception as error:
            log.warning("topics can't be checked now", error=error)
