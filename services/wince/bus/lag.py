"""How far consumers on Kafka are behind, and what lies in the dead-letter topics; asked by the command that looks, not by the consumers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import OffsetSpec

from wince.bus.kafka_options import KafkaOptions
from wince.bus.names import Names
from wince.bus.topics import TOPICS, dead_letters


@dataclass(frozen=True, slots=True)
class GroupLag:
    """One consumer group of ours."""

    group: str
    members: int
    """Consumers that belong to it now."""
    behind: Mapping[str, int]
    """Records that it has not settled yet, by topic. Grade settles what no stored snapshot needs any more: some always wait."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits on Kafka."""

    groups: tuple[GroupLag, ...]
    letters: Mapping[str, int]
    """Records that could not be read, by topic; those without one are left out."""


def backlog(options: KafkaOptions, groups: tuple[str, ...]) -> Backlog:
    """Ask the brokers. Blocks for some round trips. Raises Unavailable, Refused."""
    admin, names = options.admin(), options.names
    try:
        there = set(admin.list_topics())
        here = sorted(name for name in TOPICS if names.there(name) in there)
        described = _described(admin, [names.there(name) for name in here])
        parts = [TopicPartition(found["name"], one["partition_index"]) for found in described for one in found["partitions"]]
        ends = _offsets(admin, parts, OffsetSpec.LATEST)
        mains = [name for name in here if dead_letters(name) in TOPICS]
        letters = [part for part in parts if names.ours(part.topic) not in mains]
        begins = _offsets(admin, letters, OffsetSpec.EARLIEST)
        counts: Counter[str] = Counter()
        for part in letters:
            counts[names.ours(part.topic) or part.topic] += ends[part] - begins[part]
        behind = tuple(_group(admin, group, ends, names) for group in groups)
        return Backlog(behind, {name: count for name, count in counts.items() if count})
    except (kafka_errors.KafkaError, OSError) as error:
        raise options.error(error) from None
    finally:
        admin.close()


def _described(admin: KafkaAdminClient, topics: list[str]) -> list[dict[str, Any]]:
    return list(admin.describe_topics(topics)) if topics else []


def _offsets(admin: KafkaAdminClient, parts: list[TopicPartition], which: OffsetSpec) -> dict[TopicPartition, int]:
    if not parts:
        return {}
    return {part: found.offset for part, found in admin.list_partition_offsets(dict.fromkeys(parts, which)).items()}


def _group(admin: KafkaAdminClient, ours: str, ends: Mapping[TopicPartition, int], names: Names) -> GroupLag:
    group = names.there(ours)
    behind: Counter[str] = Counter()
    try:
        positions = admin.list_group_offsets({group: None}).get(group, {})
        members = admin.describe_groups([group])[group].get("members") or ()
    except kafka_errors.CoordinatorNotAvailableError:  # of a broker on which nobody has ever settled anything
        return GroupLag(ours, 0, {})
    for part, settled in positions.items():
        if part in ends and settled.offset >= 0:
            behind[names.ours(part.topic) or part.topic] += max(0, ends[part] - settled.offset)
    return GroupLag(ours, len(members), dict(sorted(behind.items())))
