"""docs/reference/dicom-conformance.md, made from the tables that the code works by, in the order of PS3.2 annex A. `make docs` writes it:

python -m wince.pipeline.capture.studies.statement docs/reference/dicom-conformance.md
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from wince.dicom.scp import negotiation, pdu, tables
from wince.dicom.scp.limits import Limits
from wince.dicom.scu.client import SENT
from wince.domain.study import BY_ITSELF, Held
from wince.pipeline.capture.studies.commitments import GIVE_UP_US
from wince.pipeline.capture.studies.header import CITED, HEADER_BYTES
from wince.store import commitments

READ = (
    ("SOP Class UID, SOP Instance UID", "(0008,0016), (0008,0018)", "must be those of the request; the instance is graded once"),
    ("Study and Series Instance UID", "(0020,000D), (0020,000E)", "kept with the object"),
    ("Patient ID", "(0010,0020)", "whose pictures they are, with its issuer"),
    ("Issuer of Patient ID", "(0010,0021)", "namespace, or an OID; must be the site's (`patient_authority`). Absent: `dicom_issuer`"),
    ("Issuer of Patient ID Qualifiers Sequence", "(0010,0024)", "Universal Entity ID and its type, before the namespace"),
    ("Patient's Birth Date", "(0010,0030)", "must be the census' date"),
    ("Admission ID", "(0038,0010)", "where it is present it must be the number of the census' visit"),
    ("Accession Number", "(0008,0050)", "kept with the object"),
    ("Acquisition DateTime", "(0008,002A)", "when the first picture was taken; else the next two rows"),
    ("Content Date and Time", "(0008,0023), (0008,0033)", ""),
    ("Acquisition Date and Time", "(0008,0022), (0008,0032)", "study and series times are not used: they may lie hours before"),
    ("Timezone Offset From UTC", "(0008,0201)", "of these times, where the DT value has none. Absent: the site's zone (`time_zone`)"),
    ("Number of Frames", "(0028,0008)", ""),
    ("Frame Time, Cine Rate, Recommended Display Frame Rate", "(0018,1063), (0018,0040), (0008,2144)", "the first that is there"),
    ("Rows, Columns, Pixel Data", "(0028,0010), (0028,0011), (7FE0,0010)", "without them the object is held"),
    ("Specific Character Set", "(0008,0005)", "every set that pydicom decodes; text that can't be decoded costs itself alone"),
)
"""Attributes that have a meaning here: name, tag, what for."""


def page() -> str:
    """The page."""
    limits, hours = Limits(), GIVE_UP_US // 3_600_000_000
    every = {**tables.VIDEO_SYNTAXES, **tables.PICTURE_SYNTAXES}
    rejections = (
        (negotiation.CALLED_REFUSED, "called AE title isn't `dicom_title`"),
        (negotiation.CALLING_REFUSED, "calling AE title or its address isn't in `dicom_peers`"),
        (negotiation.CONTEXT_REFUSED, "another application context"),
        (negotiation.VERSION_REFUSED, "another protocol version"),
        (negotiation.BUSY, "too many associations now, of all or of this address"),
        (negotiation.HURRIED, "too many from this address within a minute"),
    )
    return f"""# DICOM conformance statement

Made by `make docs` from the code's tables, in the order of DICOM PS3.2 annex A: don't edit.
[dicom](../how-to/dicom.md) says how to set DICOM up.

## Overview

Wince takes videos and pictures of patients' faces, grades pain in them, and writes the grades into the patient's record. As a storage SCP
it keeps an object until it is graded; it is no archive and answers no query.

{_table(("SOP class", "UID", "SCU", "SCP"), _classes())}

## Networking

**Application entity.** One, by default `WINCE` (`dicom_title`): the service `imaging`. Implementation Class UID `{pdu.IMPLEMENTATION_UID}`,
version name `{pdu.IMPLEMENTATION}`. Reports are sent by the service `record` ([dicom-sr](dicom-sr.md)).

**Associations.** The service accepts them and, to tell what a storage commitment came to, opens one to the peer at the address that
`dicom_peers` has for it; without an address the report goes over the association that asked, at once. What a peer is to be told stands in
the database before its request is answered, and is told again until the peer acknowledges it, for {hours} hours, also when the process
ends in between. At most {commitments.MOST} wait for a peer; further ones go over the association that asked. Defaults of the limits, which
settings change:

{_table(("limit", "default", "setting"), _limits(limits))}

There is no asynchronous operations window and no extended negotiation. Default roles are taken. Of a presentation context the first
transfer syntax in the peer's order that is taken for its SOP class is accepted.

**Rejections** (result, source, reason):

{_table(("A-ASSOCIATE-RJ", "when"), ((f"{one[0]}, {one[1]}, {one[2]}", when) for one, when in rejections))}

**Verification (SCP).** C-ECHO is answered with success.

**Storage (SCP), level 2 in what is read.** An object is on disk, brought there by fsync, and in the database before its status is sent.
The same object again is a success without a second effect, whichever way its header is encoded.

{_table(("status", "meaning"), ((f"`{int(said.status):04X}`", said.meaning) for said in tables.STATUSES))}

**Storage commitment (SCP), push model.** N-ACTION is answered after the look-up. The report names an object as committed if it was
taken and not dropped by a person; else as failed with reason `0112`. Wince commits to grading an object, not to keeping it: its file is
deleted `dicom_keep_h` hours after it was graded.

### Transfer syntaxes

Picture classes take {len(tables.PICTURE_SYNTAXES)}, video classes all {len(every)}; verification and storage commitment take Explicit and
Implicit VR Little Endian.

{_table(("transfer syntax", "UID", "video classes", "picture classes"), _syntaxes(every))}

A video's fragments are joined, without the Basic Offset Table; the stream may be MP4, MPEG-TS, an MPEG programme stream, or bare.
Secondary and multi-frame objects need a rate. One picture alone gives a score and no stable grade (a protocol's debounce needs several).

### Attributes that are read

{_table(("attribute", "tag", "what for"), READ)}

Kept for documents that cite the object: {", ".join(CITED)}. A header above {HEADER_BYTES >> 20} MiB is refused.

### What is held for a person

{_table(("reason", "meaning", "looked up again by itself"), _reasons())}

## DICOM web services

STOW-RS (PS3.18 section 10.5): `POST /studies` and `POST /studies/{{study}}`, `multipart/related; type="application/dicom"`; answers are
`application/dicom+json`. 200: all were kept; 202: some; 409: none; 503: no room, or too many requests. Failure reasons are the statuses
above. Metadata and bulk data apart (`application/dicom+json` requests) aren't taken. Nothing can be retrieved.

## Media interchange

None. Files of PS3.10 are taken from a watched folder (`dicom_watch_folder`); DICOMDIR isn't read.

## Character sets

All of PS3.3 section C.12.1.1.2, with and without code extensions, GB18030 and UTF-8 among them. What Wince sends is in ISO_IR 192.

## Security

TLS 1.2 or newer with client certificates (`dicom_cert_file`, `dicom_client_ca_file`), as in the Basic TLS profile's successor BCP 195;
beyond loopback Wince doesn't listen without them and a list of peers, or with `insecure_dicom_beyond_loopback`. STOW-RS takes bearer
tokens of the role `camera`, or the site's sign-in. Who sent what is in the audit trail; no log line holds a name.
"""


def _classes() -> Iterable[tuple[str, str, str, str]]:
    yield "Verification", f"`{tables.VERIFICATION}`", "yes", "yes"
    for uid, name in tables.STORAGE_CLASSES.items():
        yield name, f"`{uid}`", "no", "yes"
    yield "Storage Commitment Push Model", f"`{tables.COMMITMENT}`", "yes", "yes"
    for uid, name in SENT.items():
        yield name, f"`{uid}`", "yes", "no"


def _limits(limits: Limits) -> Iterable[tuple[str, str, str]]:
    yield "associations at a time", str(limits.associations), "`dicom_associations`"
    yield "of one address", str(limits.per_address), "`dicom_associations_per_address`"
    yield "P-DATA-TF, bytes", str(limits.pdu_bytes), "`dicom_pdu_bytes`"
    yield "object, bytes", str(limits.object_bytes), "`dicom_object_bytes`"
    yield "silence of a peer, seconds", f"{limits.idle_s:g}", "`dicom_idle_s`"
    yield "TLS and A-ASSOCIATE-RQ, seconds", f"{limits.request_s:g}", "-"


def _syntaxes(every: Mapping[str, str]) -> Iterable[tuple[str, str, str, str]]:
    video, picture = next(iter(tables.VIDEO_CLASSES)), next(iter(tables.PICTURE_CLASSES))
    for uid, name in every.items():
        yield name, f"`{uid}`", _yes(uid in tables.syntaxes(video)), _yes(uid in tables.syntaxes(picture))


def _reasons() -> Iterable[tuple[str, str, str]]:
    said = _meanings()
    for one in Held:
        yield f"`{one.value}`", said[one.name], _yes(one in BY_ITSELF)


def _meanings() -> dict[str, str]:
    """The text below each member of Held."""
    (tree,) = ast.parse(inspect.getsource(Held)).body
    assert isinstance(tree, ast.ClassDef)
    said: dict[str, str] = {}
    for pair in pairwise(tree.body):
        match pair:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                said[name] = " ".join(text.split())
    return said


def _yes(so: bool) -> str:
    return "yes" if so else "no"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
