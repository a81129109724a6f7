"""Topics: names, what the key of each means, who writes and reads it, what lies on it, for how long. Neither names nor keys hold anything
about a patient. Rights (`access.py`), docs/reference/asyncapi.yaml and services/README.md follow this table.

Order holds within a key. Every key is the source (camera or file), so that whatever concerns one bed's picture comes in
order: what grade folds of one source is one sequence.

Retention. A broker deletes whole segments, some time after their newest record has become too old. How old a record can get that a
consumer still reads is therefore retention + the time a segment is written to + the interval at which the broker looks (five minutes
unless configured). Faces are crops of patients: 8 + 1 + 5 = 14 minutes. Times are the broker's (LogAppendTime), so that a producer's
wrong clock keeps nothing alive.
"""

from dataclasses import dataclass, replace

FACES = "wince.faces.v1"
"""Faces of detect. Key: source. Carries crops (PHI): kept for minutes."""
ESTIMATES = "wince.estimates.v1"
"""Estimates and beats. Key: source. Carries embeddings (PHI): kept for minutes."""
ASSESSMENTS = "wince.assessments.v1"
"""What a grade step gave, and the state after it. Key: source."""
CARE = "wince.care.v1"
"""What people decide: verdicts, pauses, patient state. Key: source."""
STAYS = "wince.stays.v1"
"""Who lies before a camera from when on. Key: source."""

ALL = (FACES, ESTIMATES, ASSESSMENTS, CARE, STAYS)

PARTITIONS = 12
"""Partitions of every topic: one source has the same index on all of them. Also the most replicas of a service that share the work."""
HEADROOM = 8 << 10
"""Bytes that key, headers and batch may add to a value."""
BROKER_LOOKS_MS = 300_000
"""log.retention.check.interval.ms as Kafka's default has it."""

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Topic:
    """How a topic of ours is laid out."""

    name: str
    about: str
    """One sentence for readers of the AsyncAPI document."""
    schemas: tuple[str, ...]
    """Full names of the protobuf messages on it."""
    retention_ms: int | None
    """How long records are kept at least; None: the last of each key for ever (compacted)."""
    segment_ms: int
    """How long a segment is written to at most."""
    max_bytes: int
    """Largest record."""
    writers: tuple[str, ...]
    """Services that write it. The first makes the topic and keeps its settings."""
    readers: tuple[str, ...]
    """Services that read it, each as the consumer group of its own name. Of a dead-letter topic none: a person reads it."""
    phi: str = ""
    """What on it tells of a patient's body or name; empty where nothing does."""

    def configs(self) -> dict[str, str]:
        """The broker's settings of the topic."""
        common = {
            "segment.ms": str(self.segment_ms),
            "max.message.bytes": str(self.max_bytes),
            "message.timestamp.type": "LogAppendTime",
        }
        if self.retention_ms is None:
            return common | {"cleanup.policy": "compact", "min.compaction.lag.ms": str(_DAY), "max.compaction.lag.ms": str(2 * _DAY)}
        return common | {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}


_DETECT, _ESTIMATE, _GRADE = "wince.api.detect.v1.", "wince.api.estimate.v1.", "wince.api.grade.v1."
_BEAT = "wince.api.capture.v1.Beat"

_MAIN = (
    Topic(
        FACES,
        "Faces that detect found, with the crop that everything later scores, and the beats of their sources.",
        (_DETECT + "Face", _BEAT),
        8 * _MINUTE,
        _MINUTE,
        1100 * _KIB,
        ("detect",),
        ("estimate",),
        "crops of patients' faces",
    ),
    Topic(
        ESTIMATES,
        "What the models say of each face, and the beats of their sources.",
        (_ESTIMATE + "Estimate", _BEAT),
        30 * _MINUTE,
        5 * _MINUTE,
        1100 * _KIB,
        ("estimate", "imaging"),
        ("grade",),
        "embeddings of patients' faces",
    ),
    Topic(
        ASSESSMENTS,
        "Everything that one step of grade gave: assessments, alerts, questions, and the state after it.",
        (_GRADE + "Graded",),
        3 * _DAY,
        6 * _HOUR,
        17 * 1024 * _KIB,
        ("grade",),
        ("record",),
        "grades by stay, and embeddings of patients' faces in the state",
    ),
    Topic(
        CARE,
        "What people decided: verdicts on questions, pauses, whether a patient can be assessed by the face.",
        ("wince.api.care.v1.Verdict", "wince.api.care.v1.SourcePause", "wince.api.care.v1.SourcePatientState"),
        7 * _DAY,
        _DAY,
        1100 * _KIB,
        ("care", "hospital"),
        ("grade", "record"),
        "states of patients by stay",
    ),
    Topic(
        STAYS,
        "Who lies before a camera from a moment on; the last of each source is kept.",
        ("wince.api.hospital.v1.Occupancy",),
        None,
        _HOUR,
        1100 * _KIB,
        ("hospital",),
        ("grade",),
        "patient and encounter numbers, birth dates",
    ),
)


def dead_letters(topic: str) -> str:
    """Where a consumer puts a record of `topic` that it can never handle: same key, same value, cut where they are too large.

    >>> dead_letters(ESTIMATES)
    'wince.estimates.v1.dlq'
    """
    return f"{topic}.dlq"


def _letters(topic: Topic) -> Topic:
    """A dead letter carries the record as it was: it lives no longer than that where it may be a face, and a week otherwise."""
    week = 7 * _DAY
    retention = week if topic.retention_ms is None else min(topic.retention_ms, week)
    return replace(
        topic,
        name=dead_letters(topic.name),
        about=f"Records of {topic.name} that could not be read.",
        retention_ms=retention,
        segment_ms=min(topic.segment_ms, _HOUR),
        writers=topic.readers,
        readers=(),
    )


TOPICS = {topic.name: topic for main in _MAIN for topic in (main, _letters(main))}
"""Every topic of ours by name, dead-letter topics among them."""


def topics_of(service: str) -> tuple[str, ...]:
    """Names of the topics that a service writes or reads, dead-letter topics among them.

    >>> topics_of("estimate")
    ('wince.faces.v1', 'wince.faces.v1.dlq', 'wince.estimates.v1')
    """
    return tuple(name for name, topic in TOPICS.items() if service in topic.writers + topic.readers)


def oldest_ms(topic: Topic) -> int | None:
    """How old a record can get that a consumer still reads from the start, milliseconds; None where the last of a key stays.

    >>> oldest_ms(TOPICS[FACES]) // 60_000
    14
    """
    return None if topic.retention_ms is None else topic.retention_ms + topic.segment_ms + BROKER_LOOKS_MS
