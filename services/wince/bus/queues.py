"""What the bus in memory is made of: records that wait, per group, topic and partition. Called under the bus's lock."""

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

from wince.bus.interface import Partition, Record


@dataclass(slots=True, eq=False)
class Entry:
    """A record until every group has handled it."""

    sequence: int
    record: Record
    size: int
    future: "Future[None]"
    groups: int = 0
    """Groups that still have to handle it."""


@dataclass(slots=True, eq=False)
class Lane:
    """One partition of a topic for one group."""

    partition: Partition
    waiting: deque[Entry] = field(default_factory=deque)
    """Not handed out since the owner came."""
    kept: deque[Entry] = field(default_factory=deque)
    """Handled by the present owner, not committed: a successor gets them again."""
    handled: int = 0
    """Offset up to which the group has handled records at least once."""
    owner: object | None = None
    """The consumer that holds it."""


@dataclass(slots=True, eq=False)
class Queue:
    """One topic for one group."""

    lanes: list[Lane]
    records: int = 0
    """Waiting, over all lanes; what is kept does not count, or a fold that keeps a window would block its own publisher."""
    size: int = 0

    def put(self, entry: Entry) -> None:
        """A new record."""
        entry.groups += 1
        self.lanes[entry.record.partition].waiting.append(entry)
        self.records += 1
        self.size += entry.size

    def handle(self, entry: Entry) -> bool:
        """The first waiting record of its lane was handled; whether it was for the first time."""
        lane = self.lanes[entry.record.partition]
        lane.kept.append(lane.waiting.popleft())
        self.records -= 1
        self.size -= entry.size
        first = entry.record.offset >= lane.handled
        if first:
            lane.handled = entry.record.offset + 1
            entry.groups -= 1
        return first

    def commit(self, index: int, position: int) -> None:
        """What lies before `position` never comes again."""
        kept = self.lanes[index].kept
        while kept and kept[0].record.offset < position:
            kept.popleft()

    def give_up(self, lane: Lane) -> None:
        """The owner goes: what it kept waits again, before the rest."""
        lane.owner = None
        self.records += len(lane.kept)
        self.size += sum(entry.size for entry in lane.kept)
        lane.waiting.extendleft(reversed(lane.kept))
        lane.kept.clear()


@dataclass(slots=True, eq=False)
class Topic:
    """A topic for all groups."""

    held: dict[int, Entry] = field(default_factory=dict)
    """Not yet handled by every group, in order."""
    size: int = 0
    offsets: dict[int, int] = field(default_factory=dict)
    """Next offset of each partition."""
