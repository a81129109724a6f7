"""Whose certificates are believed where we are the client: the authorities of a file, else those of the system."""

from __future__ import annotations

import ssl
from pathlib import Path

from wince.errors import ConfigError


def context(ca_file: Path | None, field: str) -> ssl.SSLContext:
    """TLS for a client, with the peer's certificate and name checked.

    `ca_file`: authorities, or the peer's own certificate, PEM; None: the system's authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR`
    name others; where the system has none, those that come with certifi). `field`: the setting, for the error.
    Raises ConfigError where the file can't be read or holds no certificate.
    """
    try:
        made = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise ConfigError("holds no certificate", field=f"{field}={ca_file}", remedy="give a PEM file") from None
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=f"{field}={ca_file}", remedy="name a readable file") from None
    if ca_file is None and not _system_has_some(made):
        import certifi

        made.load_verify_locations(certifi.where())
    return made


def system_pem() -> bytes | None:
    """The system's authorities as PEM, for a client that brings its own list otherwise (gRPC); None where they are in no single file."""
    file = ssl.get_default_verify_paths().cafile
    try:
        return Path(file).read_bytes() if file else None
    except OSError:
        return None


def untrusted(error: BaseException) -> str:
    """Why a peer's certificate was not believed, in OpenSSL's words, such as "Hostname mismatch"; empty where that was not the fault.

    `error`: what a library raised; what it was raised from is looked at, too.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return seen.verify_message or "the certificate is not believed"
        seen = seen.__cause__ or seen.__context__
    return ""


def _system_has_some(made: ssl.SSLContext) -> bool:
    """A folder of authorities is only read when it is needed, so the context's own count doesn't tell."""
    folder = ssl.get_default_verify_paths().capath
    return made.cert_store_stats()["x509_ca"] > 0 or (folder is not None and any(Path(folder).iterdir()))
