"""Second places of checkpoints, as set: for record, `wince run`, `wince audit verify`, `wince doctor` and `wince status`."""

from __future__ import annotations

from urllib.parse import urlsplit

from wince.anchors.bucket import Bucket, BucketPlace
from wince.anchors.file import FilePlace
from wince.anchors.interface import Place
from wince.anchors.sender import Sender
from wince.anchors.timestamp import TimestampPlace
from wince.domain.loopback import loopback
from wince.errors import ConfigError
from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.store.database import Database


def places(settings: Settings) -> list[Place]:
    """Those that are set; nothing is opened. Raises ConfigError."""
    own, found = Places.of(settings), list[Place]()
    if settings.anchor_file is not None:
        found.append(FilePlace(settings.anchor_file, settings.anchor_every_s, own.root))
    if settings.anchor_bucket is not None:
        found.append(BucketPlace(_bucket(settings, settings.anchor_bucket), settings.anchor_every_s))
    if settings.anchor_tsa_url is not None:
        if settings.anchor_tsa_ca_file is None:
            remedy = "name the authority's certificate (PEM)"
            raise ConfigError("is needed for anchor_tsa_url", field="anchor_tsa_ca_file", remedy=remedy)
        file = settings.anchor_tsa_file or own.timestamps
        found.append(TimestampPlace(settings.anchor_tsa_url, settings.anchor_tsa_ca_file, file, settings.anchor_tsa_every_s))
    return found


def senders(settings: Settings, database: Database, key: str) -> list[Sender]:
    """Parts that send what record signs. They are stopped after the checkpointer. `key`: the public one, hex. Raises ConfigError."""
    file = Places.of(settings).checkpoints
    return [Sender(database, file, place, key) for place in places(settings)]


def _bucket(settings: Settings, name: str) -> Bucket:
    endpoint = settings.anchor_bucket_endpoint
    parts = urlsplit(endpoint or "https://")
    if parts.scheme not in ("http", "https") or (endpoint and not parts.hostname) or parts.username or parts.query:
        remedy = "give https://HOST or https://HOST:PORT; a login belongs into anchor_bucket_credentials_file"
        raise ConfigError("is no URL of a server", field="anchor_bucket_endpoint", remedy=remedy)
    if parts.scheme == "http" and not loopback(parts.hostname or ""):
        raise ConfigError("is not encrypted", field="anchor_bucket_endpoint", remedy="give an https:// URL")
    return Bucket(
        name,
        settings.anchor_bucket_prefix,
        endpoint,
        settings.anchor_bucket_region,
        settings.anchor_bucket_mode,
        settings.anchor_bucket_retention_days,
        settings.anchor_bucket_credentials_file,
        settings.anchor_bucket_ca_file,
    )
