"""The way to the image archive that is set: one for the record service, `wince run`, `wince doctor` and `wince config check`."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from wince import certificates
from wince.delivery.sr.target import Archive
from wince.dicom import extra
from wince.dicom.scu.client import DicomArchive
from wince.dicom.scu.commitment import Commitment, Heard
from wince.dicom.scu.connection import Peer
from wince.dicom.scu.listener import CommitmentListener
from wince.dicom.scu.stow import WebArchive
from wince.domain.loopback import loopback
from wince.errors import ConfigError
from wince.fhir.exchange import Exchange
from wince.settings import Settings
from wince.settings.archive import SCHEMES

_ANSWER_BYTES = 4 << 20
_SECRET_BYTES = 64 << 10


def address(settings: Settings) -> SplitResult:
    """The archive's URL. Raises ConfigError where none is set."""
    if settings.archive_url is None:
        raise ConfigError("no archive is set", field="WINCE_ARCHIVE_URL", remedy="name it, such as dicoms://pacs.example:2762")
    return urlsplit(settings.archive_url)


def check(settings: Settings) -> ssl.SSLContext:
    """Whose certificates are believed there. Raises ConfigError where the archive's settings contradict each other, the extra `imaging` is
    absent, or reports would be readable on the network."""
    extra.require(extra.REPORTS)
    parts = address(settings)
    web, secure = parts.scheme in ("http", "https"), parts.scheme in ("https", "dicoms")
    if not secure and not loopback(parts.hostname or "") and not settings.insecure_archive_beyond_loopback:
        remedy = "give a dicoms or https URL, or set insecure_archive_beyond_loopback"
        raise ConfigError("patients' reports would go beyond loopback without TLS", field="archive_url", remedy=remedy)
    if settings.archive_token_file and settings.archive_login_file:
        raise ConfigError("a token and a login are one too many", field="archive_login_file", remedy="remove one of them")
    if web and settings.archive_commitment:
        remedy = "unset it, or give a dicom or dicoms URL"
        raise ConfigError("storage commitment is asked for by DICOM, not by STOW-RS", field="archive_commitment", remedy=remedy)
    if not web and (settings.archive_token_file or settings.archive_login_file):
        remedy = "remove it, or give an https URL"
        raise ConfigError("is of use for STOW-RS alone", field="archive_token_file or archive_login_file", remedy=remedy)
    for field in ("archive_token_file", "archive_login_file"):
        if path := getattr(settings, field):
            secret(path, field)
    _check_listener(settings, secure=secure)
    made = certificates.context(settings.archive_ca_file, "archive_ca_file")
    certificates.show(made, settings.archive_cert_file, settings.archive_cert_key_file, "archive_cert_file")
    return made


def archive(settings: Settings, stack: ExitStack, *, timeout_s: float | None = None, heard: Heard | None = None) -> Archive:
    """The archive that is set; nothing is connected to. `stack` closes its connections. heard: where its commitments are told. Raises
    ConfigError."""
    trusted, parts = check(settings), address(settings)
    limit_s = timeout_s or settings.archive_timeout_s
    if parts.scheme in ("http", "https"):
        exchange = Exchange("the archive", total_s=limit_s, connections=4, limit=_ANSWER_BYTES, verify=trusted, settings="archive")
        stack.callback(exchange.close)
        assert settings.archive_url is not None
        return WebArchive(settings.archive_url, exchange.send, authorization=_authorization(settings), interrupt=exchange.interrupt)
    return DicomArchive(peer(settings, trusted), total_s=limit_s, heard=heard)


def peer(settings: Settings, trusted: ssl.SSLContext) -> Peer:
    """The archive as a DICOM peer."""
    parts = address(settings)
    port = parts.port or SCHEMES[parts.scheme]
    tls = trusted if parts.scheme == "dicoms" else None
    return Peer(parts.hostname or "", port, settings.archive_called_ae, settings.archive_calling_ae, tls)


def listener(settings: Settings, told: Callable[[Commitment], None]) -> CommitmentListener | None:
    """What hears the archive's commitments, not started; None where none is set. Raises ConfigError."""
    if not settings.archive_commitment or not settings.archive_commitment_listen:
        return None
    host, _, port = settings.archive_commitment_listen.rpartition(":")
    return CommitmentListener(
        host.strip("[]"),
        int(port),
        title=settings.archive_calling_ae,
        archive=settings.archive_called_ae,
        told=told,
        tls=_server(settings) if address(settings).scheme == "dicoms" else None,
    )


def secret(path: Path, field: str) -> str:
    """The one line of a file. Raises ConfigError where there is none that can go into a header."""
    try:
        with path.open("rb") as file:
            text = file.read(_SECRET_BYTES).decode("ascii").strip()
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=path, remedy=f"name a readable file in {field}") from None
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable():
        raise ConfigError("holds no line of printable ASCII", field=path, remedy=f"write one line into the file of {field}")
    if field == "archive_login_file" and ":" not in text:
        raise ConfigError("holds no user:password", field=path, remedy="write user:password into it")
    return text


def _authorization(settings: Settings) -> Callable[[], str]:
    token, login = settings.archive_token_file, settings.archive_login_file

    def said() -> str:
        if token:
            return f"Bearer {secret(token, 'archive_token_file')}"
        if login:
            return f"Basic {base64.b64encode(secret(login, 'archive_login_file').encode()).decode()}"
        return ""

    return said


def _check_listener(settings: Settings, *, secure: bool) -> None:
    if not settings.archive_commitment_listen:
        return
    if not settings.archive_commitment:
        raise ConfigError("nothing is heard where nothing is asked", field="archive_commitment_listen", remedy="set archive_commitment")
    host, _, port = settings.archive_commitment_listen.rpartition(":")
    if not 0 < int(port) < 65536:
        raise ConfigError("names no port between 1 and 65535", field="archive_commitment_listen", remedy="HOST:PORT")
    if secure and (settings.archive_cert_file is None or settings.archive_ca_file is None):
        remedy = "set archive_cert_file, archive_cert_key_file and archive_ca_file"
        raise ConfigError(
            "an archive that calls over TLS needs our certificate and an authority", field="archive_commitment_listen", remedy=remedy
        )
    if not secure and not loopback(host) and not settings.insecure_archive_beyond_loopback:
        remedy = "use a dicoms URL, or set insecure_archive_beyond_loopback"
        raise ConfigError("commitments would be heard beyond loopback without TLS", field="archive_commitment_listen", remedy=remedy)


def _server(settings: Settings) -> ssl.SSLContext:
    """TLS for the archive that calls: our certificate, and it needs one of the authority."""
    made = certificates.RenewedContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_verify_locations(settings.archive_ca_file)
    made.verify_mode = ssl.CERT_REQUIRED
    certificates.show(made, settings.archive_cert_file, settings.archive_cert_key_file, "archive_cert_file")
    return made
