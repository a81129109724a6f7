"""The image archive (PACS) that reports are delivered to."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from wince.settings.part import Part

_TITLE = r"[!-\[\]-~](?:[ !-\[\]-~]{0,14}[!-\[\]-~])?"
"""An AE title (PS3.5 section 6.2): 1 to 16 characters, no backslash."""
SCHEMES = {"dicom": 104, "dicoms": 2762, "https": 443, "http": 80}
"""What an archive's URL begins with, and the port where it names none."""


class Archive(Part):
    """Image archive

    A PACS to which every entry is delivered as a DICOM Structured Report. Needs the extra `imaging`. docs/how-to/archive.md has the steps.
    """

    archive_url: str | None = Field(default=None, examples=["dicoms://pacs.example:2762"])
    """The archive. dicom://HOST:PORT: C-STORE in the clear. dicoms://HOST:PORT: C-STORE over TLS. https://HOST/dicom-web: STOW-RS. Not
    set: no reports."""
    archive_called_ae: str = Field(default="ARCHIVE", pattern=f"^{_TITLE}$")
    """AE title of the archive (C-STORE)."""
    archive_calling_ae: str = Field(default="WINCE_SR", pattern=f"^{_TITLE}$")
    """AE title of Wince at the archive (C-STORE). Another one than `imaging` listens under, where the archive sends to that one too."""
    archive_ca_file: Path | None = Field(default=None, examples=["/etc/wince/hospital-ca.pem"])
    """Authorities (PEM) whose certificates are believed at the archive. Not set: the system's."""
    archive_cert_file: Path | None = Field(default=None, examples=["/etc/wince/archive-client.crt"])
    """Certificate (PEM, with its chain) that Wince shows to an archive that asks for one, and to one that calls for storage commitment."""
    archive_cert_key_file: Path | None = Field(default=None, examples=["/etc/wince/archive-client.key"])
    """Its private key (PEM, unencrypted)."""
    archive_token_file: Path | None = Field(default=None, examples=["/etc/wince/archive-token"])
    """STOW-RS: file of one line, a token that is sent as `Authorization: Bearer`. It is read again for each request."""
    archive_login_file: Path | None = Field(default=None, examples=["/etc/wince/archive-login"])
    """STOW-RS: file of one line, user:password (HTTP Basic). It is read again for each request."""
    archive_timeout_s: float = Field(default=20.0, ge=1, le=50)
    """Longest time of one delivery, from connecting to the last answer, with the wait for a commitment, seconds."""
    archive_commitment: bool = False
    """Ask the archive to answer for what it stored (storage commitment; C-STORE only). Until it does, `wince outbox list` says of a report
    that it is stored, not committed yet, and asks again every minute. What the archive says it has not is sent again."""
    archive_commitment_wait_s: float = Field(default=3.0, ge=0.1, le=30)
    """How long a delivery waits for that answer, seconds. A later one counts as well."""
    archive_commitment_listen: str = Field(default="", pattern=r"^$|^.+:\d{1,5}$", examples=["0.0.0.0:11113"])
    """HOST:PORT on which Wince hears what the archive commits to; most archives answer on an association of their own. Over TLS where
    `archive_url` is. Empty: answers count only on the association that asked."""
    archive_rejects: bool = False
    """Where an entry is withdrawn, send a rejection note too (Key Object Selection "Rejected for Patient Safety Reasons"), for archives
    that know IHE Imaging Object Change Management. The report that says so is sent in any case."""
    archive_key_objects: bool = False
    """Send a Key Object Selection of key frames beside a grade, alert or verdict whose source came as a DICOM object."""
    archive_organization: str = Field(default="", max_length=64, examples=["General Hospital"])
    """Organization of a nurse who verified a report. Empty: the site's name."""
    insecure_archive_beyond_loopback: bool = False
    """Speak to an archive on another machine without TLS (dicom, http). Everybody on the network can then read patients' reports."""

    @field_validator("archive_url")
    @classmethod
    def _archive(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "dicom://none")
        if parts.scheme not in SCHEMES or not parts.hostname:
            raise ValueError("needs to be a dicom, dicoms, https or http URL, such as dicoms://pacs.example:2762")
        if "@" in parts.netloc:
            raise ValueError("holds a user name or password, which would be seen in logs; use archive_login_file")
        if parts.scheme in ("dicom", "dicoms") and (parts.path.strip("/") or parts.query):
            raise ValueError("is a DICOM address with a path; AE titles are archive_called_ae and archive_calling_ae")
        try:
            _ = parts.port
        except ValueError:
            raise ValueError("names no port between 0 and 65535") from None
        return value
