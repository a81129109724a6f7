"""TLS as files have it: our own certificate, read again where it was renewed; whose certificates are believed where we are the client."""

from __future__ import annotations

import ssl
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from wince.errors import ConfigError

AGAIN_S = 5.0
"""How often at most it is looked whether a file has changed."""


class RenewedContext(ssl.SSLContext):
    """TLS that shows a renewed certificate with the next handshake: no restart, and nobody has to remember one.

    An authority that joins a file is believed too; one that left it is believed until the process ends. While files can't be used, such as
    halfway through a change, the last good ones stay.
    """

    def hold(self, certificate: Path, key: Path | None, authorities: Path | None = None) -> None:
        """Our own certificate, and whose are believed. Raises ssl.SSLError and OSError, as `load_cert_chain` does."""
        self._lock, self._looked = threading.Lock(), time.monotonic()
        self._files = (certificate, key, authorities)
        self._stamps = self._stamp()
        self._load()

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """See ssl.SSLContext."""
        self._renew()
        return super().wrap_socket(*args, **options)

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """See ssl.SSLContext."""
        self._renew()
        return super().wrap_bio(*args, **options)

    def _renew(self) -> None:
        if not hasattr(self, "_files"):
            return
        with self._lock:
            if time.monotonic() - self._looked < AGAIN_S:
                return
            self._looked = time.monotonic()
            try:
                if (stamps := self._stamp()) == self._stamps:
                    return
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files[:2], password=no_password)  # a pair that fits
                self._load()
            except (OSError, ssl.SSLError):
                return
            self._stamps = stamps

    def _load(self) -> None:
        certificate, key, authorities = self._files
        self.load_cert_chain(certificate, key, password=no_password)
        if authorities is not None:
            self.load_verify_locations(authorities)

    def _stamp(self) -> list[tuple[int, int, int]]:
        found = [path.stat() for path in self._files if path is not None]
        return [(one.st_mtime_ns, one.st_size, one.st_ino) for one in found]


def no_password() -> bytes:
    """Never asks on the terminal."""
    return b""


@cache
def _usual_flags() -> ssl.VerifyFlags:
    return ssl.create_default_context().verify_flags


def context(ca_file: Path | None, field: str) -> RenewedContext:
    """TLS for a client, with the peer's certificate and name checked.

    `ca_file`: authorities, or the peer's own certificate, PEM; None: the system's authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR`
    name others; where the system has none, those that come with certifi). `field`: the setting, for the error.
    Raises ConfigError where the file can't be read or holds no certificate.
    """
    made = RenewedContext(ssl.PROTOCOL_TLS_CLIENT)
    made.verify_flags = _usual_flags()
    try:
        if ca_file is None:
            made.load_default_certs()
        else:
            made.load_verify_locations(ca_file)
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


def show(made: RenewedContext, certificate: Path | None, key: Path | None, field: str) -> None:
    """Have a client show this certificate, as it is by then, to whoever asks for one; nothing where none is set.

    `field`: the certificate's setting; that of its key is named like it. Raises ConfigError where the pair can't be used.
    """
    key_field = field.replace("cert_file", "cert_key_file")
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise ConfigError(f"{field} and {key_field} belong together", field=field, remedy="set both, or none")
    try:
        made.hold(certificate, key)
    except ssl.SSLError:
        remedy = "give PEM files, the key unencrypted and of this certificate"
        raise ConfigError("the client certificate and its key can't be used", field=f"{field}={certificate}", remedy=remedy) from None
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=f"{field}={certificate}", remedy="name readable files") from None


REMEDIES = {
    "expired": "it is out of date: have it renewed, and see that this machine's clock is right",
    "name": "it is for another name: use the name that it is for, or have it issued for this one",
    "authority": "its authority is not known here: name the hospital's authority ({setting})",
    "early": "it is not valid yet: see that this machine's clock is right",
    "revoked": "it was revoked: have a new one issued",
    "other": "name its authority ({setting}), or the name that the certificate is for",
}
"""What to do where a certificate is not believed, by OpenSSL's reason."""
_CODES = {
    2: "authority", 18: "authority", 19: "authority", 20: "authority", 21: "authority",
    9: "early", 10: "expired", 23: "revoked", 62: "name", 64: "name",
}  # fmt: skip


def explained(error: BaseException, setting: str = "WINCE_EHR_CA_FILE") -> tuple[str, str] | None:
    """(why a peer's certificate was not believed, what to do about it); None where that was not the fault. X509_V_ERR codes.
    `setting`: names the authorities that are believed there."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            remedy = REMEDIES[_CODES.get(seen.verify_code, "other")].format(setting=setting)
            return seen.verify_message or "the certificate is not believed", remedy
        seen = seen.__cause__ or seen.__context__
    return None


def _system_has_some(made: ssl.SSLContext) -> bool:
    """A folder of authorities is only read when it is needed, so the context's own count doesn't tell."""
    folder = ssl.get_default_verify_paths().capath
    return made.cert_store_stats()["x509_ca"] > 0 or (folder is not None and any(Path(folder).iterdir()))
