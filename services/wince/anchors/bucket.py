"""An S3-compatible bucket with object lock: what it took can't be changed or deleted until its retention ends.

Each checkpoint is an object whose name says its row and head, so a listing is enough to compare all of them. All versions are listed: a
delete marker, which a bucket with object lock still takes, hides nothing. Names are only written where nothing stands (If-None-Match, RFC
9110 section 13.1.2).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from wince.clock import Clock, wall_us
from wince.domain.audit import Checkpoint, Witness
from wince.errors import ConfigError, IntegrityError, Refused, Unavailable
from wince.store import checkpoint_file

FIELD = "anchor_bucket"
CONNECT_S, READ_S = 5, 20
_KEY = re.compile(r"(\d{12})-([0-9a-f]{64})\.json")
_LARGEST = 4096


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where it is, and how long it must keep an object."""

    name: str
    prefix: str = ""
    endpoint: str | None = None
    """Of a server that isn't Amazon's."""
    region: str | None = None
    mode: Literal["compliance", "governance"] = "compliance"
    retention_days: int = 3650
    credentials_file: Path | None = None
    """Of the form of ~/.aws/credentials; None: as boto3 finds them (environment, role of the machine)."""
    ca_file: Path | None = None


class BucketPlace:
    """Checkpoints as locked objects."""

    kind = "s3"

    def __init__(self, bucket: Bucket, every_s: float, clock: Clock = wall_us) -> None:
        self._bucket, self._clock = bucket, clock
        self.name = f"s3 {bucket.endpoint or 'amazonaws.com'}/{bucket.name}/{bucket.prefix}"
        self.every_s = every_s

    def put(self, point: Checkpoint, key: str) -> None:
        """See Place.put."""
        _installed()
        from botocore.exceptions import ClientError

        body = checkpoint_file.line(point, key).encode()
        until = datetime.fromtimestamp(self._clock() / 1e6, UTC) + timedelta(days=self._bucket.retention_days)
        name = f"{self._bucket.prefix}{point.seq:012d}-{point.head.hex()}.json"
        with _answered():
            try:
                self._client.put_object(
                    Bucket=self._bucket.name, Key=name, Body=body, IfNoneMatch="*", ContentType="application/json",
                    ContentMD5=b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
                    ObjectLockMode=self._bucket.mode.upper(), ObjectLockRetainUntilDate=until,
                )  # fmt: skip
            except ClientError as error:
                if _code(error) not in ("PreconditionFailed", "412"):
                    raise
                self._hold(name, point)

    def witnesses(self) -> list[Witness]:
        """See Place.witnesses."""
        found: dict[str, Witness] = {}
        with _answered():
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket.name, Prefix=self._bucket.prefix)
            for page in pages:
                for version in page.get("Versions", ()):
                    named = _KEY.fullmatch(version["Key"][len(self._bucket.prefix) :])
                    if named is None:
                        remedy = "keep this prefix for checkpoints alone (anchor_bucket_prefix)"
                        raise IntegrityError("holds an object that is no checkpoint", field=FIELD, remedy=remedy)
                    at = version["LastModified"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                    found[version["Key"]] = Witness(int(named[1]), bytes.fromhex(named[2]), self.name, at)
        return list(found.values())

    def probe(self) -> str:
        """See Place.probe."""
        _installed()
        from botocore.exceptions import ClientError

        with _answered():
            try:
                said = self._client.get_object_lock_configuration(Bucket=self._bucket.name)
            except ClientError as error:
                if _code(error) != "ObjectLockConfigurationNotFoundError":
                    raise
                said = {}
        if said.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            remedy = "make a bucket with object lock: it can't be switched on for what is there"
            raise ConfigError("the bucket has no object lock", field=f"{FIELD}={self._bucket.name}", remedy=remedy)
        return f"{len(self.witnesses())} checkpoints, object lock ({self._bucket.mode}, {self._bucket.retention_days} days)"

    def _hold(self, name: str, point: Checkpoint) -> None:
        """Something stands under the name: it must be this checkpoint."""
        found = self._client.get_object(Bucket=self._bucket.name, Key=name)["Body"].read(_LARGEST).decode("ascii", errors="replace")
        if checkpoint_file.parse(found.strip()) != point:
            raise IntegrityError(f"holds something else for row {point.seq}", field=FIELD, remedy="see who writes there")

    @cached_property
    def _client(self) -> Any:
        import boto3
        import botocore.session
        from botocore.config import Config

        session = botocore.session.Session()
        if self._bucket.credentials_file is not None:
            session.set_config_variable("credentials_file", str(self._bucket.credentials_file))
        config = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        with _answered():
            return boto3.Session(botocore_session=session).client(
                "s3",
                endpoint_url=self._bucket.endpoint,
                region_name=self._bucket.region,
                verify=str(self._bucket.ca_file) if self._bucket.ca_file else None,
                config=config,
            )


def _installed() -> None:
    """Raises ConfigError where boto3 is not."""
    try:
        import botocore  # noqa: F401
    except ImportError:
        raise ConfigError(
            "boto3 is not installed", field=FIELD, remedy="install it: `make anchors` in the clone (docs/how-to/install.md)"
        ) from None


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _answered() -> Iterator[None]:
    """What boto3 raises as errors of ours."""
    _installed()
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        remedy = "name a file in anchor_bucket_credentials_file, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise ConfigError("no login for the bucket", field=FIELD, remedy=remedy) from None
    except ClientError as error:
        code = _code(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500 or status == 429 or code == "SlowDown":
            raise Unavailable(f"the bucket answered {code or status}", field=FIELD, remedy="it is tried again") from None
        raise Refused(f"the bucket answered {code or status}", field=FIELD, remedy="see its name, policy, object lock and login") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused(f"the bucket's answer can't be used ({type(error).__name__})", field=FIELD, remedy="is it an S3 server?") from None
    except (BotoCoreError, OSError) as error:
        raise Unavailable(
            f"the bucket can't be reached ({type(error).__name__})", field=FIELD, remedy="see anchor_bucket_endpoint"
        ) from None
