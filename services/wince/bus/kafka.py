"""The bus over Apache Kafka 4.x, by kafka-python. What it promises stands in `bus/interface.py`; how it is tuned and why, in the parts:
`kafka_options` (reaching a broker), `kafka_outbox` (what goes out), `kafka_consumer` (what comes in).

Truth is not here: a broker may lose everything. Then topics are made again, what is unacknowledged is sent again, and consumers begin
at the start of what there is.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType

from wince.bus.access import Right
from wince.bus.headers import complete
from wince.bus.interface import Handler, Owned
from wince.bus.kafka_consumer import KafkaSubscription
from wince.bus.kafka_options import KafkaOptions
from wince.bus.kafka_outbox import Outbox
from wince.bus.kafka_rights import NEEDED, lacking
from wince.bus.topics import HEADROOM, PARTITIONS, TOPICS, Topic, dead_letters
from wince.errors import ConfigError, MessageError, Unavailable
from wince.telemetry import logs

log = logs.get(__name__)

MAX_RECORD = max(topic.max_bytes for topic in TOPICS.values())
"""Bytes; a larger record is refused at once."""


class KafkaBus:
    """Implements `wince.bus.interface.Bus`. One producer, one consumer per subscription; threads of its own for each."""

    def __init__(
        self,
        options: KafkaOptions,
        service: str = "",
        *,
        max_records: int = 10_000,
        max_bytes: int = 64 << 20,
        flush_s: float = 10.0,
    ) -> None:
        """Connects once, to tell a wrong address from an outage.

        Args:
            options: where and how.
            service: who speaks: of a topic of ours only what this service has rights for is asked; "": whatever there is.
            max_records: records that may be unacknowledged; publish blocks beyond.
            max_bytes: the same in bytes of keys, values and headers.
            flush_s: how long close() waits for acknowledgements.

        Raises:
            Unavailable: nobody let us in; names the three causes.
            Refused: user or password is wrong.
        """
        if min(max_records, max_bytes) < 1:
            raise ConfigError("the bounds of the bus must be at least 1", field="max_records, max_bytes")
        self._options, self._service, self._flush_s = options, service, flush_s
        options.admin().close()
        self._lock = threading.Lock()
        self._topics: dict[str, None] = {}
        """Topics that were asked for, in order: made again where the broker lost them."""
        self._creating = threading.Lock()
        self._subscriptions: list[KafkaSubscription] = []
        self._closed = False
        self._outbox = Outbox(options, max_records=max_records, max_bytes=max_bytes, max_record=MAX_RECORD, regain=self._regain)

    def ensure_topics(self, topics: Sequence[str]) -> None:
        """Create what is missing, dead-letter topics of ours with it; bring the settings of ours that exist to what topics.py says.

        Raises Unavailable where Kafka does not answer, Refused where it does not let us: names the rights that are missing.
        """
        wanted = dict.fromkeys(name for topic in topics for name in self._with_letters(topic))
        self._create(list(wanted), settings=True)
        with self._lock:
            self._topics |= wanted

    def publish(self, topic: str, key: str, value: bytes, headers: dict[str, bytes] | None = None) -> Future[None]:
        """Accept a record; blocks while too much is unacknowledged. The future: in-sync replicas have it.

        Raises:
            Unavailable: the bus is closed, or was closed while this call waited for room.
            MessageError: the record is larger than the largest that may be.
        """
        most = TOPICS[topic].max_bytes - HEADROOM if topic in TOPICS else MAX_RECORD
        if len(value) > most:
            raise MessageError(f"a record of {len(value)} bytes is above the bound of {most}", field=topic)
        if topic not in self._topics:
            self.ensure_topics([topic])
        mine = any(subscription.thread is threading.current_thread() for subscription in self._subscriptions)
        return self._outbox.accept(topic, key, value, complete(topic, key, value, headers), while_closing=mine)

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
    ) -> KafkaSubscription:
        """Start a consumer on a thread of its own. Consumers of one group, here and elsewhere, share the partitions."""
        if batch < 1:
            raise ConfigError("a batch has at least one record", field="batch")
        missing = [topic for topic in topics if topic not in self._topics]
        if missing and not self._closed:
            self.ensure_topics(missing)
        with self._lock:
            if self._closed:
                raise Unavailable("the bus is closed", field=group)
            subscription = KafkaSubscription(
                self._options, tuple(dict.fromkeys(topics)), group, handler, batch, gather_s, on_assigned, on_revoked, self._regain
            )
            self._subscriptions.append(subscription)
        return subscription

    def close(self) -> None:
        """Refuse and release publishers, let consumers finish their batch, wait for acknowledgements. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            subscriptions = list(self._subscriptions)
        self._outbox.refuse()
        enders = [threading.Thread(target=subscription.stop, args=(30.0,)) for subscription in subscriptions]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
        self._outbox.close(self._flush_s)

    def failed(self) -> BaseException | None:
        """See `Bus.failed`."""
        return self._outbox.failed()

    def _regain(self) -> None:
        """Create again what was asked for before and is missing."""
        with self._lock:
            topics = list(self._topics)
        self._create(topics, settings=False)

    def _create(self, names: list[str], *, settings: bool) -> None:
        with self._creating:
            admin, called, missing = self._options.admin(), self._options.names, list[str]()
            try:
                there = {called.ours(name) for name in admin.list_topics()}
                missing = [name for name in names if name not in there]
                if missing:
                    self._make(admin, missing)
                if settings:
                    self._allowed(admin)
                    self._bring(admin, [TOPICS[name] for name in names if name in TOPICS and name in there and self._keeps(name)])
            except (kafka_errors.AuthorizationError, kafka_errors.PolicyViolationError):
                lacks = self._lacking(admin) or [Right("topic", called.there(name), "Create") for name in missing]
                raise self._options.refused(lacks) from None
            except (kafka_errors.KafkaError, OSError) as error:
                raise self._options.error(error) from None
            finally:
                admin.close()

    def _with_letters(self, topic: str) -> list[str]:
        """The topic, and its dead-letter topic where there is one that this service writes."""
        letters = TOPICS.get(dead_letters(topic))
        return [topic, letters.name] if letters and (not self._service or self._service in letters.writers) else [topic]

    def _keeps(self, topic: str) -> bool:
        """Whether the topic's settings are this service's business."""
        return self._service in ("", TOPICS[topic].writers[0])

    def _allowed(self, admin: KafkaAdminClient) -> None:
        """Raises Refused where our user can't do our work: later the client would try for ever, and say nothing."""
        lacks = lacking(admin, self._service, self._options.names) if self._service else []
        if missing := [right for right in lacks if right.operation in NEEDED]:
            raise self._options.refused(missing)

    def _lacking(self, admin: KafkaAdminClient) -> list[Right]:
        try:
            return lacking(admin, self._service, self._options.names) if self._service else []
        except (kafka_errors.KafkaError, OSError):
            return []

    def _make(self, admin: KafkaAdminClient, names: list[str]) -> None:
        copies = self._options.replication or -1
        plans: dict[str, dict[str, Any]] = {}
        for name in names:
            configs = TOPICS[name].configs() if name in TOPICS else {}
            plans[self._options.names.there(name)] = {"num_partitions": PARTITIONS, "replication_factor": copies, "configs": configs}
        for name, plan in plans.items():
            try:
                admin.create_topics({name: plan})
                log.info("a topic was made", topic=name)
            except kafka_errors.TopicAlreadyExistsError:  # by another process, or by our own first try
                continue
        admin.wait_for_topics(list(plans), timeout_ms=20_000)

    def _bring(self, admin: KafkaAdminClient, topics: list[Topic]) -> None:
        """Crops of faces would outlive their minutes in a topic that somebody made with Kafka's defaults."""
        if not topics:
            return
        names = {topic.name: self._options.names.there(topic.name) for topic in topics}
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names.values()]
        found = admin.describe_configs(asked, config_filter="all")["topic"]
        for topic in topics:
            has = {name: config.get("value") for name, config in found.get(names[topic.name], {}).items()}
            differs = {name: value for name, value in topic.configs().items() if has.get(name) != value}
            if differs:
                result = admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, names[topic.name], differs)])
                if result["topic"][names[topic.name]] != "OK":
                    raise kafka_errors.PolicyViolationError(topic.name)
                log.warning("a topic's settings were brought to ours", topic=topic.name, count=len(differs))
