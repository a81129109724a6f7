"""Records and partitions of the client's as ours, and back: names at the brokers become our own here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kafka.structs import TopicPartition

from wince.bus.interface import Partition, Record
from wince.bus.names import PLAIN, Names


def record_of(one: Any, names: Names = PLAIN) -> Record:
    """A record of the client's as ours. Whatever another producer leaves out (key, value, a header's value) is empty."""
    key = (one.key or b"").decode("utf-8", "replace")
    headers = {name: content or b"" for name, content in one.headers}
    return Record(topic_of(one.topic, names), key, one.value or b"", headers, one.partition, one.offset)


def partitions_of(some: Iterable[TopicPartition], names: Names) -> list[Partition]:
    """Partitions of the client's as ours, in order."""
    return sorted(Partition(topic_of(at.topic, names), at.partition) for at in some)


def place_of(one: Record | Partition, names: Names) -> TopicPartition:
    """Where a record lies, or a partition, as the client knows it."""
    return TopicPartition(names.there(one.topic), one.partition if isinstance(one, Record) else one.index)


def topic_of(name: str, names: Names) -> str:
    """A topic that we asked for, by our own name."""
    return names.ours(name) or name
