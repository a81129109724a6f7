"""An archive that is reached by DICOMweb: STOW-RS (PS3.18 section 10.5), and a harmless search to see that it takes us."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, Protocol

from wince.dicom.scu.client import Sent
from wince.dicom.scu.commitment import Commitment
from wince.errors import Refused

_FAILED = 0x0110
"""Processing failure: what a refused object's reason is where the archive names none."""


class Response(Protocol):
    """What came back: status, body (at most the client's limit), and what it asks to wait, seconds."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def body(self) -> bytes:
        """At most the client's limit."""
        ...

    @property
    def retry_after_s(self) -> float | None:
        """What the server asks to wait."""
        ...


Send = Callable[[str, str, Mapping[str, str], bytes | None], Response]
"""One exchange: method, URL, headers, content. Raises Unavailable where no whole answer came."""


class WebArchive:
    """One DICOMweb server. Thread-safe."""

    def __init__(
        self, url: str, send: Send, *, authorization: Callable[[], str] = lambda: "", interrupt: Callable[[], None] = lambda: None
    ) -> None:
        """url: its base, such as https://archive.example/dicom-web. authorization: the header Authorization; empty: none. interrupt:
        breaks off what `send` has in hand."""
        self._url, self._send, self._authorization, self._interrupt = url.rstrip("/"), send, authorization, interrupt

    def echo(self) -> Sent:
        """Search for a study that nobody has (QIDO-RS). Raises Unavailable."""
        headers = self._headers("application/dicom+json")
        answer = self._send("GET", f"{self._url}/studies?limit=1&StudyInstanceUID=2.25.1", headers, None)
        return Sent((), http=answer.status, retry_after_s=answer.retry_after_s)

    def lacks(self, *, key_objects: bool, commitment: bool) -> list[str]:
        """Nothing: a DICOMweb server declares no SOP classes."""
        return []

    def store(self, objects: Sequence[Any], *, commit_s: float = 0.0) -> Sent:
        """Store pydicom Datasets of one study in one request. Raises Unavailable where the outcome is unknown. `commit_s` is not for
        DICOMweb: its settings say so."""
        parts = [_file(one) for one in objects]
        mark = hashlib.sha256(b"".join(parts)).hexdigest()
        body = b"".join(b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % (mark.encode(), part) for part in parts)
        headers = self._headers("application/dicom+json") | {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={mark}'
        }
        answer = self._send("POST", f"{self._url}/studies", headers, body + b"--%s--\r\n" % mark.encode())
        sops = [str(one.SOPInstanceUID) for one in objects]
        return Sent(statuses(answer.status, answer.body, sops), retry_after_s=answer.retry_after_s, http=answer.status)

    def ask(self, instances: Sequence[tuple[str, str]], *, commit_s: float) -> Commitment | None:
        """DICOMweb archives are not asked for storage commitment."""
        raise Refused("DICOMweb has no storage commitment here", field=self._url, remedy="unset archive_commitment, or use a dicom:// URL")

    def interrupt(self) -> None:
        """Break off what is in hand, and what begins from now on; see `Interruptible`."""
        self._interrupt()

    def _headers(self, accept: str) -> dict[str, str]:
        said = self._authorization()
        return {"Accept": accept, **({"Authorization": said} if said else {})}


def statuses(http: int, body: bytes, sops: Sequence[str]) -> tuple[int, ...]:
    """The DICOM status of each object (PS3.18 section 10.5.3): 200 all are stored, 202 and 409 the body says which and why not. Empty
    where the answer says nothing of objects.

    >>> statuses(200, b"", ["1.2"]), statuses(503, b"", ["1.2"])
    ((0,), ())
    """
    if http not in (200, 202, 409):
        return ()
    said = _said(body)
    refused = dict(_items(said, "00081198", "00081197"))
    warned = {uid: reason for uid, reason in _items(said, "00081199", "00081196") if reason}
    kept = {uid for uid, _ in _items(said, "00081199", "00081196")}
    found: list[int] = []
    for sop in sops:
        if sop in refused:
            found.append(refused[sop] or _FAILED)
        elif sop in kept or http == 200:
            found.append(warned.get(sop, 0))
        else:
            found.append(_FAILED)
    return tuple(found)


def _said(body: bytes) -> Any:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found[0] if isinstance(found, list) and found else found


def _items(said: Any, sequence: str, reason: str) -> list[tuple[str, int]]:
    """(SOP Instance UID, reason) of each item of a sequence; what can't be read is left out."""
    found: list[tuple[str, int]] = []
    for item in _values(said, sequence):
        uids, reasons = _values(item, "00081155"), _values(item, reason)
        if uids and isinstance(uids[0], str):
            found.append((uids[0], reasons[0] & 0xFFFF if reasons and isinstance(reasons[0], int) else 0))
    return found


def _values(node: Any, tag: str) -> list[Any]:
    element = node.get(tag) if isinstance(node, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _file(dataset: Any) -> bytes:
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
