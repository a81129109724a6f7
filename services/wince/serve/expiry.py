"""When what Wince identifies itself with runs out: certificates of every section of the settings, and the key that signs it in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from cryptography import x509

from wince import plain_file
from wince.settings import Settings

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
    return [*_certificates(settings), *_key(settings)]


def _key(settings: Settings) -> Iterator[Credential]:
    if settings.ehr_url and settings.ehr_auth == "smart" and settings.ehr_key_until:
        ends = datetime.combine(settings.ehr_key_until, time(), UTC)
        yield Credential("ehr_key_file", ends, "replace the key: docs/how-to/ehr.md, changing the key")


def _certificates(settings: Settings) -> Iterator[Credential]:
    rpc, otlp = settings.rpc, settings.otlp
    files = {
        "ehr_cert_file": settings.ehr_cert_file,
        "archive_cert_file": settings.archive_cert_file,
        "oru_cert_file": settings.oru_cert_file,
        "mllp_cert_file": settings.mllp_cert_file,
        "dicom_cert_file": settings.dicom_cert_file,
        "kafka_cert_file": settings.kafka_cert_file,
        "rpc.tls_cert_file": rpc.tls_cert_file,
        "rpc.client_cert_file": rpc.client_cert_file,
        "otlp.cert_file": otlp.cert_file,
    }
    for name, path in files.items():
        if path is not None and (ends := _ends(path, first=True)):
            yield Credential(name, ends, "have the certificate renewed")
    for name, path in {
        "ehr_ca_file": settings.ehr_ca_file,
        "oru_ca_file": settings.oru_ca_file,
        "archive_ca_file": settings.archive_ca_file,
    }.items():
        if path is not None and (ends := _ends(path, first=False)):
            yield Credential(name, ends, "ask the hospital for its authority's next certificate")


def _ends(path: Path, *, first: bool) -> datetime | None:
    """When the first, or the last, of a file's certificates ends; None where it holds none."""
    try:
        found: Sequence[x509.Certificate] = x509.load_pem_x509_certificates(plain_file.read(path, 4 << 20))
    except (OSError, ValueError):
        return None
    ends = [certificate.not_valid_after_utc for certificate in found]
    return (ends[0] if first else max(ends)) if ends else None
