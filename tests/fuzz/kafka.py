"""Garbage on every topic: records as a broker hands them over, made of right ones or of nothing, handled by whoever reads the topic.

Allowed: a record is taken; or it lies in the topic's dead-letter topic, with where it stood and what was wrong, by the name of a field, in
few words, and within what that topic takes. No record stops the next: a right one behind them is still taken. The broker between writer
and reader is left out: `tests/integration/test_kafka_garbage.py` has it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import numpy as np
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from tests.unit.pipeline.estimate.test_clips import face
from tests.unit.pipeline.grade.feed import estimate, feed, play, setup
from wince import codec
from wince.bus.interface import Record
from wince.bus.kafka_records import record_of
from wince.bus.topics import ALL, ASSESSMENTS, CARE, ESTIMATES, FACES, HEADROOM, STAYS, TOPICS, dead_letters
from wince.domain.ahead import Bound
from wince.domain.assessment import Verdict
from wince.domain.care import PatientState, Pause
from wince.domain.estimate import Reading
from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.domain.snapshot import Graded, Snapshot
from wince.domain.stay import Identifier, Occupancy, Stay
from wince.pipeline.estimate.interface import Score
from wince.pipeline.estimate.readers import Reader
from wince.pipeline.grade import stage
from wince.runners.ahead import Ahead
from wince.runners.consumer import Consumer
from wince.runners.estimate import Estimating, media_clock
from wince.runners.grade import Grading
from wince.runners.record import Recording

NAME = "kafka"
NOW_US = 1_790_000_000 * US
SOURCE = "cam"
SECRET = b"Zzyzx^Patient"
"""What stands in garbage must not stand in a letter's error."""
_STAY = Stay(UUID(int=1), "A^1^1", Identifier("mrn", "1"), Identifier("visit", "1"), NOW_US, None, NOW_US, None, None, "ward")
_STEP = play(feed(lambda at: (0.5, 0.9, 0.0), 12.0, origin_s=NOW_US // US, ended=False))
_GRADED = Graded(
    SOURCE,
    tuple(one for one in _STEP[1] if hasattr(one, "assessable_share")),
    (),
    (),
    Snapshot(SOURCE, "activity", stage.VERSION, _STEP[0].closed_until_us, stage.dump(_STEP[0])),
)
RIGHT: dict[str, list[Any]] = {
    FACES: [face(NOW_US, SOURCE), face(NOW_US, SOURCE, Reason.TURNED), Beat(SOURCE, NOW_US, 5, 0, 0)],
    ESTIMATES: [estimate(NOW_US, (0.5, 0.9, 0.0)), estimate(NOW_US, Reason.GAP), Beat(SOURCE, NOW_US, 5, 0, 0)],
    ASSESSMENTS: [_GRADED, replace(_GRADED, assessments=()), replace(_GRADED, snapshot=None)],
    CARE: [
        Verdict(UUID(int=7), None, UUID(int=8), "N1", 1, NOW_US),
        Pause(SOURCE, NOW_US, NOW_US + US),
        PatientState(SOURCE, NOW_US, None, True),
    ],
    STAYS: [Occupancy(SOURCE, NOW_US, _STAY, ambiguous=False, bed="A^1^1"), Occupancy(SOURCE, NOW_US, None, ambiguous=True, bed="A^1^1")],
}
SCHEMAS = sorted(codec.SCHEMAS)
NUMBERS = [0, 1, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), NOW_US + 86_400 * US, NOW_US - 10**15, 253_402_300_799_999_999]
FLOATS = [0.0, -0.0, float("nan"), float("inf"), -1.0, 1e300, 5e-324]
TEXTS = ["", "\0", "\x1b[31m", "x" * 5000, "'; drop table", "\u202e", "\ufffe", SOURCE, SECRET.decode(), "🙂", "a\nb"]
HEADERS: list[tuple[str, bytes | None]] = [
    ("schema", None), ("schema", b""), ("schema", b"\xff\xfe"), ("schema", b"wince.api.capture.v1.Beat"), ("id", None), ("id", b"x" * 9000),
    ("trace", b"\0"), ("trace", b"00-" + b"f" * 32), ("topic", b"wince.faces.v1"), ("error", SECRET), ("", b""), ("\0", b"\0"),
    ("x" * 4000, b"y" * 4000),
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Records of one topic, as the client's library hands them over, and who reads them."""

    topic: str
    reader: str
    records: tuple[Any, ...]


def case(chance: random.Random) -> Case:
    """A case of this seed."""
    topic = chance.choice(ALL)
    raw = [_record(topic, offset, chance) for offset in range(chance.choice([1, 1, 2, 5]))]
    return Case(topic, chance.choice(TOPICS[topic].readers), tuple(raw))


def check(tried: Case) -> None:
    """Handles the records, and behind them a right one."""
    bus = _Bus()
    reader = READERS[tried.reader](bus)
    taken: list[int] = []
    read = reader.read

    def noted(records: Sequence[Record], kinds: tuple[type, ...]) -> list[tuple[Record, Any]]:
        found = read(records, kinds)
        taken.extend(record.offset for record, _ in found)
        return found

    reader.read = noted  # type: ignore[method-assign]
    last = len(tried.records)
    good = right(tried.topic, RIGHT[tried.topic][0], last)
    handled = [record_of(one) for one in (*tried.records, good)]
    reader.handle(handled)
    letters = [(key, value, headers) for topic, key, value, headers in bus.sent if topic == dead_letters(tried.topic)]
    told = {int(headers["position"].split(b"/")[1]) for _, _, headers in letters}
    assert last in taken, "the right record behind them was not taken"
    assert sorted([*taken, *told]) == list(range(last + 1)), f"taken {taken}, letters {sorted(told)}"
    for key, value, headers in letters:
        _named(tried.topic, key, value, headers)


def _named(topic: str, key: str, value: bytes, headers: dict[str, bytes]) -> None:
    error = headers["error"].decode()
    assert headers["topic"] == topic.encode()
    assert error.isprintable(), repr(error)
    assert len(error) <= 500, "says too much"
    code, _, said = error.partition(" ")
    assert code == "message", error
    assert said.partition(":")[0].strip(), f"names no field: {error}"
    assert said.partition(":")[2].strip(), f"says nothing: {error}"
    assert SECRET not in headers["error"], "quotes what came"
    size = len(key.encode()) + len(value) + sum(len(name.encode()) + len(content) for name, content in headers.items())
    assert size <= TOPICS[dead_letters(topic)].max_bytes, f"a letter of {size} bytes is more than its topic takes"


class _Bus:
    """Keeps what is published; refuses what Kafka's would."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bytes, dict[str, bytes]]] = []

    def publish(self, topic: str, key: str, value: bytes, headers: dict[str, bytes] | None = None) -> Future[None]:
        """As `Bus.publish`."""
        assert len(value) <= TOPICS[topic].max_bytes - HEADROOM, f"{topic} does not take {len(value)} bytes"
        self.sent.append((topic, key, value, dict(headers or {})))
        done: Future[None] = Future()
        done.set_result(None)
        return done


class _Scorer:
    """Any face has a reading."""

    model_set = "x"

    def score(self, faces: Sequence[Any]) -> list[Score]:
        """One for each."""
        return [Score(Reading(1.0, 1.0, np.zeros(6, np.float32), 0.0)) for _ in faces]


def _grading(bus: Any) -> Consumer:
    begin = lambda source: {"activity": stage.begin(source, setup())}  # noqa: E731
    return Grading(bus, begin, default="activity", ahead=Ahead(Bound(), lambda: NOW_US))


READERS: dict[str, Callable[[Any], Consumer]] = {
    "estimate": lambda bus: Estimating(bus, [Reader("activity", _Scorer(), 10 * US)], media_clock),
    "grade": _grading,
    "record": lambda bus: Recording(bus, lambda _batch: None, lambda _batch: None),
}
"""Whoever reads topics, with faces scored and nothing stored."""


def right(topic: str, message: Any, offset: int) -> Any:
    """A record as the client's library hands it over, as whoever writes this topic makes it."""
    schema, value = codec.encode(message)
    key = str(getattr(message, "source", SOURCE)).encode()
    return SimpleNamespace(topic=topic, partition=3, offset=offset, key=key, value=value, headers=[("schema", schema.encode())])


def _record(topic: str, offset: int, chance: random.Random) -> Any:
    made = right(topic, chance.choice(RIGHT[topic]), offset)
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        chance.choice([_key, _value, _value, _cut, _field, _field, _field, _schema, _headers, _huge])(made, chance)
    return made


def _key(made: Any, chance: random.Random) -> None:
    made.key = chance.choice([None, b"", b"\xff\xfe", b"other", b"cam\0", "病床".encode(), b"k" * chance.choice([300, 70_000]), SECRET])


def _value(made: Any, chance: random.Random) -> None:
    made.value = chance.choice(
        [
            None,
            b"",
            SECRET,
            b"{}",
            b"\0" * 40,
            chance.randbytes(chance.choice([1, 7, 60, 3000])),
            b"\x0a\xff\xff\xff\xff\x0f",
            b"\x0b" * 5000,
        ]
    )


def _cut(made: Any, chance: random.Random) -> None:
    if value := made.value:
        at = chance.randrange(len(value) + 1)
        made.value = chance.choice([value[:at], value[at:], value[:at] + chance.randbytes(3) + value[at:], value + value, value[:at] * 2])


def _field(made: Any, chance: random.Random) -> None:
    """One field anywhere in the message is another value of its type."""
    schema = next((content for name, content in made.headers if name == "schema" and content), b"").decode("ascii", "replace")
    if schema not in codec.SCHEMAS:
        return
    message = GetMessageClass(Default().FindMessageTypeByName(schema))()
    try:
        message.ParseFromString(made.value or b"")
    except Exception:  # what was cut before stays as it is
        return
    _spoil(message, chance)
    made.value = message.SerializeToString()


def _spoil(message: Any, chance: random.Random) -> None:
    field = chance.choice(message.DESCRIPTOR.fields)
    if field.message_type is not None and not field.message_type.GetOptions().map_entry:
        inner = getattr(message, field.name)
        if field.is_repeated:
            inner = chance.choice(inner) if inner and chance.random() < 0.8 else inner.add()
        elif chance.random() < 0.1:
            return message.ClearField(field.name)
        else:
            inner.SetInParent()
        return _spoil(inner, chance)
    if field.message_type is not None or chance.random() < 0.1:
        return message.ClearField(field.name)
    values: list[Any] = {
        field.CPPTYPE_STRING: [chance.randbytes(4)] if field.type == field.TYPE_BYTES else TEXTS,
        field.CPPTYPE_DOUBLE: FLOATS,
        field.CPPTYPE_FLOAT: [one for one in FLOATS if abs(one) < 1e38 or one != one],
        field.CPPTYPE_BOOL: [True, False],
        field.CPPTYPE_ENUM: [0, 1, 99, 2**31 - 1],
    }.get(field.cpp_type, NUMBERS)
    try:
        if field.is_repeated:
            getattr(message, field.name).extend(chance.choices(values, k=chance.choice([1, 40])))
        else:
            setattr(message, field.name, chance.choice(values))
    except (ValueError, TypeError):  # a number that this field can't hold
        return None
    return None


def _schema(made: Any, chance: random.Random) -> None:
    made.headers = [("schema", chance.choice(SCHEMAS).encode())]


def _headers(made: Any, chance: random.Random) -> None:
    made.headers = chance.choice([[], made.headers]) + chance.choices(HEADERS, k=chance.choice([1, 3, 200]))


def _huge(made: Any, chance: random.Random) -> None:
    if chance.random() < 0.05:
        made.value = (made.value or b"") + bytes(TOPICS[made.topic].max_bytes)
