"""What Prometheus is told of the installation's database and its audit trail. Each replica of record says the same: take their max."""

from __future__ import annotations

from prometheus_client import Gauge

from wince.telemetry.metrics import REGISTRY

UNSIGNED = Gauge("wince_audit_unsigned_links", "Links of the audit chain after its last signed checkpoint", registry=REGISTRY)
UNSIGNED_AGE = Gauge("wince_audit_unsigned_oldest_seconds", "Age of the oldest of them; 0 where there is none", registry=REGISTRY)
CHECKPOINT_AGE = Gauge("wince_audit_checkpoint_age_seconds", "Age of the last signed checkpoint; 0 before the first", registry=REGISTRY)
SCHEMA = Gauge("wince_schema_version", "Number of the newest migration that the database has", registry=REGISTRY)
SIZE = Gauge("wince_database_bytes", "Size of the database on its server's disk", registry=REGISTRY)
REVIEW_AGE = Gauge("wince_reviews_oldest_seconds", "Age of the oldest review that waits; 0 where none waits", registry=REGISTRY)
FREE = Gauge("wince_state_free_bytes", "Free on the disk of the state directory, where checkpoints are written", registry=REGISTRY)
RETENTION_AGE = Gauge("wince_retention_age_seconds", "Since retention last ran, where a limit is set; 0 where none is", registry=REGISTRY)


def trail(*, unsigned: int, oldest_s: float, checkpoint_s: float | None) -> None:
    """How far the audit trail is signed, as the database was last asked."""
    UNSIGNED.set(unsigned)
    UNSIGNED_AGE.set(oldest_s)
    CHECKPOINT_AGE.set(checkpoint_s or 0.0)


def database(*, schema: int, size: int, review_s: float) -> None:
    """The database, as it was last asked."""
    SCHEMA.set(schema)
    SIZE.set(size)
    REVIEW_AGE.set(review_s)


def retention(age_s: float) -> None:
    """How long ago retention ran; 0: nobody set a limit."""
    RETENTION_AGE.set(age_s)


def disk(free: int) -> None:
    """Bytes that are free for checkpoints."""
    FREE.set(free)
