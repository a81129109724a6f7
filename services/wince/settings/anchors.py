"""Second places to which checkpoints of the audit trail are sent."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from wince.settings.part import Part


class Anchors(Part):
    """Second places of checkpoints

    Where record sends its signed checkpoints, so that whoever rules the database and this host can't rewrite what happened. Any of the
    three, or all. Not set: they lie on this host alone. `anchor_bucket` and `anchor_tsa_url` need the extra `anchors`
    (docs/how-to/install.md).
    """

    anchor_every_s: float = Field(default=300.0, ge=1, le=86_400)
    """How often the file and the bucket get the newest checkpoint, seconds. What came since is all that could still be rewritten unseen."""
    anchor_file: Path | None = Field(default=None, examples=["/mnt/trail/icu-checkpoints.jsonl"])
    """A file on another host, by a mount. It is only appended to; the other host must see to it that nothing else can be done
    (`chattr +a`). Each replica of record needs a file of its own."""
    anchor_bucket: str | None = Field(default=None, min_length=3, max_length=63, pattern=r"^[a-z0-9][a-z0-9.-]+$", examples=["icu-trail"])
    """An S3-compatible bucket that was made with object lock."""
    anchor_bucket_prefix: str = Field(default="wince/", max_length=200, pattern=r"^[A-Za-z0-9/_.-]*$")
    """What its objects' names begin with. Each installation needs its own, and nothing else may lie below it."""
    anchor_bucket_endpoint: str | None = Field(default=None, examples=["https://s3.hospital.example"])
    """URL of a server that isn't Amazon's. http:// is taken on loopback only."""
    anchor_bucket_region: str | None = Field(default=None, max_length=64, examples=["eu-central-1"])
    """Its region. Not set: as boto3 finds it."""
    anchor_bucket_credentials_file: Path | None = Field(default=None, examples=["/etc/wince/s3-login"])
    """Its login, a file in the form of ~/.aws/credentials. Not set: from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the machine's
    role. It needs s3:PutObject, s3:PutObjectRetention, s3:GetObject, s3:ListBucketVersions and s3:GetBucketObjectLockConfiguration."""
    anchor_bucket_ca_file: Path | None = Field(default=None, examples=["/etc/wince/s3-ca.pem"])
    """Authorities (PEM) whose certificate the bucket's server may have. Not set: those that boto3 knows."""
    anchor_bucket_mode: Literal["compliance", "governance"] = "compliance"
    """Object lock: under compliance nobody can delete an object before its time, under governance somebody with a special right."""
    anchor_bucket_retention_days: int = Field(default=3650, ge=1, le=36_500)
    """For how long an object is locked."""
    anchor_tsa_url: str | None = Field(default=None, pattern=r"^https?://", examples=["https://tsa.hospital.example/tsr"])
    """A timestamp authority (RFC 3161) that dates checkpoints. Only a hash goes there."""
    anchor_tsa_ca_file: Path | None = Field(default=None, examples=["/etc/wince/tsa-ca.pem"])
    """Authorities (PEM) whose signature of a timestamp is believed. Needed for anchor_tsa_url."""
    anchor_tsa_file: Path | None = Field(default=None, examples=["/mnt/trail/icu-timestamps.jsonl"])
    """File of the timestamps. It proves more where it lies on another host. Not set: state_dir/audit-timestamps.jsonl."""
    anchor_tsa_every_s: float = Field(default=3600.0, ge=10, le=7 * 86_400)
    """How often the newest checkpoint is dated, seconds. Authorities limit how often they are asked."""
