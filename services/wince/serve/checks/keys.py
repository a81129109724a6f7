"""Files of keys, certificates and logins: readable, of the right kind, not out of date, not readable by everybody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from wince import plain_file
from wince.errors import WinceError
from wince.fhir.keys import usable_key
from wince.serve import expiry
from wince.serve.checks.finding import Finding, failed, missing, ok, warning
from wince.serve.expiry import SOON
from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.settings.sources import SECRETS
from wince.store import checkpoints
from wince.telemetry.key import hash_key

LARGEST = 1 << 20
"""Bytes of a file of this kind."""


def check(settings: Settings) -> Iterator[Finding]:
    """Every file that settings name; a key beside its certificate."""
    yield from _audit(settings)
    yield from _logs(settings)
    if settings.ehr_auth == "smart":
        for name, path in (("ehr_key_file", settings.ehr_key_file), ("ehr_next_key_file", settings.ehr_next_key_file)):
            if path is not None:
                yield from _secret(name, path, kind="smart")
        yield from _key_until(settings)
    for section, pairs in _pairs(settings):
        for certificate, key in pairs:
            yield from _pair(section, certificate, key)
    for name, path in _secrets(settings):
        yield from _secret(name, path)


def _key_until(settings: Settings) -> Iterator[Finding]:
    """The day on which the site wants the key replaced."""
    for found in expiry.credentials(settings):
        if found.name == "ehr_key_file":
            left, until = found.left(datetime.now(UTC)), f"to be replaced by {found.ends:%Y-%m-%d}"
            if left.total_seconds() <= 0:
                yield missing("ehr_key_until", until, found.remedy)
            else:
                yield warning("ehr_key_until", until, found.remedy) if left < SOON else ok("ehr_key_until", until)


def _audit(settings: Settings) -> Iterator[Finding]:
    path = Places.of(settings).audit_key
    if checkpoints.existing_key(path) is not None:
        yield ok("audit key", str(path))
    elif settings.audit_key_file is None:
        yield ok("audit key", f"{path} (made at the first start)")
    else:
        yield missing("audit key", f"audit_key_file={path}: no such file", "openssl genpkey -algorithm ed25519 -out FILE; chmod 600 FILE")


def _logs(settings: Settings) -> Iterator[Finding]:
    """The key that replicas share; one of a service's own is made at its start."""
    if (path := settings.logs_key_file) is None:
        return
    try:
        hash_key(path, make=False)
    except WinceError as error:
        yield failed("logs_key_file", error)
    else:
        yield ok("logs_key_file", str(path))


Pair = tuple[tuple[str, Path | None], tuple[str, Path | None]]


def _pairs(settings: Settings) -> list[tuple[str, list[Pair]]]:
    def pair(prefix: str, section: object, certificate: str, key: str) -> Pair:
        return (f"{prefix}{certificate}", getattr(section, certificate)), (f"{prefix}{key}", getattr(section, key))

    rpc = settings.rpc
    return [
        ("ehr", [pair("", settings, "ehr_cert_file", "ehr_cert_key_file")]),
        ("oru", [pair("", settings, "oru_cert_file", "oru_cert_key_file")]),
        ("mllp", [pair("", settings, "mllp_cert_file", "mllp_key_file")]),
        ("dicom", [pair("", settings, "dicom_cert_file", "dicom_key_file")]),
        ("kafka", [pair("", settings, "kafka_cert_file", "kafka_key_file")]),
        ("rpc", [pair("rpc.", rpc, "tls_cert_file", "tls_key_file"), pair("rpc.", rpc, "client_cert_file", "client_key_file")]),
        ("otlp", [pair("otlp.", settings.otlp, "cert_file", "key_file")]),
    ]


def _secrets(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name in SECRETS:
        if path := os.environ.get(f"WINCE_{name.upper()}_FILE"):
            yield f"WINCE_{name.upper()}_FILE", Path(path)
    named = {"rpc.token_file": settings.rpc.token_file, "rpc.client_token_file": settings.rpc.client_token_file}
    named["stow_token_file"] = settings.stow_token_file
    named["otlp.headers_file"] = settings.otlp.headers_file
    named |= {f"cameras.{camera.id}.login_file": camera.login_file for camera in settings.cameras}
    yield from ((name, path) for name, path in named.items() if path is not None)


def _pair(section: str, certificate: tuple[str, Path | None], key: tuple[str, Path | None]) -> Iterator[Finding]:
    (certificate_name, certificate_file), (key_name, key_file) = certificate, key
    if certificate_file is None or key_file is None:
        if certificate_file is not None or key_file is not None:
            yield missing(certificate_name, f"{certificate_name} and {key_name} belong together", "set both, or none")
        return
    yield from _secret(key_name, key_file, kind="pem")
    try:
        found = x509.load_pem_x509_certificate(plain_file.read(certificate_file, LARGEST))
        private = load_pem_private_key(plain_file.read(key_file, LARGEST), password=None)
    except (OSError, ValueError, TypeError):
        if _unreadable(certificate_file):
            yield missing(certificate_name, f"{certificate_file}: {_unreadable(certificate_file)}", "name a readable PEM file")
        elif not _unreadable(key_file):
            yield missing(
                certificate_name, f"{certificate_file} or {key_file}: is no PEM of its kind", "give PEM files, the key unencrypted"
            )
        return
    if found.public_key() != private.public_key():
        yield missing(certificate_name, f"{certificate_file}: is not the certificate of {key_file}", "give the pair that belongs together")
        return
    yield _validity(certificate_name, certificate_file, found)


def _validity(name: str, path: Path, certificate: x509.Certificate) -> Finding:
    now, end = datetime.now(UTC), certificate.not_valid_after_utc
    if end <= now or certificate.not_valid_before_utc > now:
        return missing(name, f"{path}: holds from {certificate.not_valid_before_utc:%Y-%m-%d} to {end:%Y-%m-%d}", "have it renewed")
    if end - now < SOON:
        return warning(name, f"{path}: ends on {end:%Y-%m-%d}", "have it renewed")
    return ok(name, f"{path}, until {end:%Y-%m-%d}")


def _secret(name: str, path: Path, *, kind: str = "") -> Iterator[Finding]:
    if why := _unreadable(path):
        yield missing(name, f"{path}: {why}", "name a readable file")
        return
    if kind:
        try:
            text = plain_file.read(path, LARGEST)
            if kind == "smart":
                usable_key(text)
            else:
                load_pem_private_key(text, password=None)
        except WinceError as error:
            yield failed(name, error)
            return
        except (ValueError, TypeError):
            yield missing(name, f"{path}: is no unencrypted private key in PEM", "give a PEM file without a passphrase")
            return
    if path.stat().st_mode & 0o004:
        yield warning(name, f"{path}: every user of this machine may read it", f"chmod o-rwx {path}")
        return
    yield ok(name, str(path))


def _unreadable(path: Path) -> str:
    """Why a file can't be read; empty where it can."""
    try:
        plain_file.read(path, LARGEST)
    except OSError as error:
        return error.strerror or "can't be read"
    return ""
