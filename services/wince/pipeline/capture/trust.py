"""Whose certificate a camera must show: FFmpeg checks it before anything is sent, a login least of all.

FFmpeg's own words for a certificate that it does not believe are no error code, and of several cameras nobody knows whose words they are;
so where it failed, the certificate is looked at once more, to name what is wrong.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wince import certificates
from wince.errors import ConfigError

ENCRYPTED = {"rtsps": 322, "https": 443}
"""Schemes with TLS, and their ports."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What is believed of one camera."""

    ca_file: Path | None = None
    """Authorities, or the camera's own certificate, PEM; None: the system's authorities."""
    name: str = ""
    """Name in the certificate; empty: the address' host."""
    unchecked: bool = False
    """Any certificate is taken: nothing proves that it is the camera, which is then told the login."""

    def check(self, uri: str, field: str) -> None:
        """Raises ConfigError where this says something that does not go together with itself or with the address."""
        given = self.ca_file is not None or bool(self.name) or self.unchecked
        if given and urlsplit(uri).scheme not in ENCRYPTED:
            raise ConfigError("shows no certificate", field=field, remedy=f"leave out what is said of it, or use {', '.join(ENCRYPTED)}")
        if self.unchecked and (self.ca_file is not None or self.name):
            raise ConfigError("is checked or not, not both", field=field, remedy="leave out unchecked_certificate")

    def options(self, uri: str, field: str) -> dict[str, str]:
        """What FFmpeg is told. Raises ConfigError where the file can't be read or is no PEM."""
        if urlsplit(uri).scheme not in ENCRYPTED:
            return {}
        if self.unchecked:
            return {"tls_verify": "0"}
        found = {"tls_verify": "1"} | ({"verifyhost": self.name} if self.name else {})
        if self.ca_file is not None:
            certificates.context(self.ca_file, f"{field}.ca_file")
        file = str(self.ca_file) if self.ca_file is not None else ssl.get_default_verify_paths().cafile
        return found | ({"ca_file": file} if file else {})

    def refuses(self, uri: str, field: str, timeout_s: float) -> bool:
        """Whether the certificate that is shown there now is not to be believed. Blocks for twice `timeout_s` at most."""
        parts = urlsplit(uri)
        if parts.scheme not in ENCRYPTED or self.unchecked:
            return False
        try:
            context = certificates.context(self.ca_file, f"{field}.ca_file")
            with socket.create_connection((parts.hostname or "", parts.port or ENCRYPTED[parts.scheme]), timeout_s) as plain:
                context.wrap_socket(plain, server_hostname=self.name or parts.hostname).close()
        except ssl.SSLCertVerificationError:
            return True
        except (OSError, ConfigError, ValueError):
            return False
        return False
