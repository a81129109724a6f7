"""When what Wince identifies itself with runs out, and what it believes: certificates of every section of the settings, and the key that
signs it in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from cryptography import x509
from pydantic import BaseModel

from wince import plain_file
from wince.serve.readers import readers
from wince.settings import Settings
from wince.telemetry import metrics

SOON = timedelta(days=30)
"""What ends within this time is told."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One of them."""

    name: str
    """Its setting."""
    ends: datetime
    remedy: str

    def left(self, now: datetime) -> timedelta:
        """Time until it ends; negative afterwards."""
        return self.ends - now


def credentials(settings: Settings) -> list[Credential]:
    """Those that can be read; `wince doctor` names the others. What is sent to nobody is not among them."""
    return [*_certificates(settings), *_cameras(settings), *_key(settings)]


def tell(settings: Settings, service: str) -> None:
    """Tell the metrics when those end that this service uses."""
    now = datetime.now(UTC)
    for found in credentials(settings):
        if service in readers(found.name):
            metrics.credential(service, found.name, found.left(now).total_seconds())


def _key(settings: Settings) -> Iterator[Credential]:
    if settings.ehr_url and settings.ehr_auth == "smart" and settings.ehr_key_until:
        ends = datetime.combine(settings.ehr_key_until, time(), UTC)
        yield Credential("ehr_key_file", ends, "replace the key: docs/how-to/ehr.md, changing the key")


def _certificates(settings: Settings) -> Iterator[Credential]:
    for name, path in _files(settings, "cert_file"):
        if ends := _ends(path, first=True):
            yield Credential(name, ends, "have the certificate renewed")
    for name, path in _files(settings, "ca_file"):
        if ends := _ends(path, first=False):
            yield Credential(name, ends, "ask the hospital for its authority's next certificate")


def _cameras(settings: Settings) -> Iterator[Credential]:
    """What is believed of cameras, the first that ends: often one authority of all, or each camera's own certificate. Of the cameras that
    were set at the start."""
    found = [(ends, camera.id) for camera in settings.cameras if camera.ca_file and (ends := _ends(camera.ca_file, first=False))]
    if found:
        ends, first = min(found)
        yield Credential(
            "cameras.ca_file", ends, f"give camera {first} its next certificate or authority: no picture is taken after its end"
        )


def _files(settings: Settings, kind: str) -> Iterator[tuple[str, Path]]:
    """(setting, file) of every setting of that kind, in every section; none is listed by hand, so none is forgotten."""
    for name, value in settings:
        if isinstance(value, BaseModel):
            yield from ((f"{name}.{field}", path) for field, path in value if field.endswith(kind) and isinstance(path, Path))
        elif name.endswith(kind) and isinstance(value, Path):
            yield name, value


def _ends(path: Path, *, first: bool) -> datetime | None:
    """When the first, or the last, of a file's certificates ends; None where it holds none."""
    try:
        found: Sequence[x509.Certificate] = x509.load_pem_x509_certificates(plain_file.read(path, 4 << 20))
        ends = [certificate.not_valid_after_utc for certificate in found]
    except (OSError, ValueError):
        return None
    return (ends[0] if first else max(ends)) if ends else None
