"""What the runners share: a subscription, letters that can't be read, and telling what can be tried again from what ends the process."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wince import codec
from wince.bus.interface import Bus, Partition, Positions, Record, Subscription
from wince.bus.topics import HEADROOM, TOPICS, dead_letters
from wince.clock import wall_us
from wince.codec import Encodable
from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.errors import MessageError
from wince.parts import PASSING
from wince.runners.ahead import AheadError
from wince.runners.mixed import MixedError
from wince.telemetry import logs, metrics

log = logs.get(__name__)

KEPT = {
    "schema": re.compile(rb"wince\.api\.[a-z_]{1,32}\.v[0-9]{1,3}\.[A-Za-z]{1,64}"),
    "id": re.compile(rb"[0-9a-f]{32}"),
    "trace": re.compile(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),
}
"""Headers of a record that its dead letter has, too, where they have the form of ours: anything else may name a patient."""
LETTER_KEY = 256
"""Longest key of a dead letter, characters, as a source's."""
LETTER_S = 60.0
"""How long the bus may take to keep a dead letter; after that the process ends, and its successor reads the batch again."""


class Consumer:
    """Hands batches to `handle`. What may pass (a peer, the database, the disk) is tried again by the bus; anything else is
    tried again too, so that nothing is lost, but `failed` tells it, and the process ends."""

    topics: tuple[str, ...] = ()
    group = ""
    batch = 500
    """Records handed over at once, at most."""
    gather_s = 0.0
    """How long a record may wait for others."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._subscription: Subscription | None = None
        self._fatal: BaseException | None = None
        self.unreadable = 0
        """Records that went to the dead letters since the start."""

    def start(self) -> None:
        """Begin to consume."""
        self._subscription = self._bus.consume(
            self.topics,
            self.group,
            self._guarded,
            batch=self.batch,
            gather_s=self.gather_s,
            on_assigned=self.assigned,
            on_revoked=self.revoked,
        )

    def stop(self) -> None:
        """Finish the batch in hand."""
        if self._subscription is not None:
            self._subscription.stop()

    def failed(self) -> BaseException | None:
        """What must end the process; None where there is nothing."""
        return self._fatal or (self._subscription.failed() if self._subscription is not None else None)

    def handle(self, records: Sequence[Record]) -> Positions | None:
        """One batch; see `bus.interface.Handler`."""
        raise TypeError(f"{type(self).__name__} handles nothing")

    def assigned(self, partitions: Sequence[Partition]) -> None:
        """These partitions are ours from now on."""

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """These partitions are another's from now on."""

    def check(self, message: Encodable) -> None:
        """Raises MessageError where a message that can be read must not be taken."""

    def read(self, records: Sequence[Record], kinds: tuple[type, ...]) -> list[tuple[Record, Encodable]]:
        """The messages of a batch. One that can't be read, is of none of these `kinds`, or does not pass `check`, goes to the dead letters
        of its topic; this returns when they will survive, so that no record is ever skipped silently."""
        found: list[tuple[Record, Encodable]] = []
        letters = []
        for record in records:
            try:
                message = codec.received(record.headers.get("schema", b"").decode("ascii", "replace"), record.value)
                if not isinstance(message, kinds):
                    raise MessageError(f"{type(message).__name__} is nothing that {self.group} takes", field="schema")
                if getattr(message, "source", record.key) != record.key:
                    raise MessageError("is not the message's source", field="key")
                self.check(message)
                found.append((record, message))
            except MessageError as error:
                if not isinstance(error, AheadError | MixedError):  # which are said once
                    topic, partition = record.topic, record.partition
                    log.error("a record can't be read", topic=topic, partition=partition, offset=record.offset, error=error)
                metrics.unreadable(record.topic)
                letters.append(self._bus.publish(dead_letters(record.topic), *_letter(record, error)))
        for letter in letters:
            letter.result(timeout=LETTER_S)
        self.unreadable += len(letters)
        if times := [message.time_us for _, message in found if isinstance(message, Estimate | Face | Beat)]:
            metrics.consumed(self.group, max(times), wall_us())
        return found

    def _guarded(self, records: Sequence[Record]) -> Positions | None:
        try:
            return self.handle(records)
        except PASSING:
            raise
        except Exception as error:
            self._fatal = error
            raise


def _letter(record: Record, error: MessageError) -> tuple[str, bytes, dict[str, bytes]]:
    """Key, value and headers of a dead letter: the record as it was, where it stood, and what is wrong with it (no content).

    Another producer's key, value and headers may be larger than the topic takes with ours beside them: a letter that can't be sent would
    stop its partition for good. They are cut then, and `size` says how long the value was. Of headers only those that we know, in our
    form, are kept.
    """
    most = TOPICS[dead_letters(record.topic)].max_bytes - HEADROOM if record.topic in TOPICS else len(record.value)
    headers = {
        **{name: content for name, content in record.headers.items() if name in KEPT and KEPT[name].fullmatch(content)},
        "topic": record.topic.encode(),
        "position": f"{record.partition}/{record.offset}".encode(),
        "error": f"{error.code} {error.field}: {error.message}".encode()[:500],
    }
    if len(record.value) > most:
        headers["size"] = str(len(record.value)).encode()
    return record.key[:LETTER_KEY], record.value[:most], headers
