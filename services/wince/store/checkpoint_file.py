"""The file of signed checkpoints, and what the chain says of it: so a file that was deleted, cut or exchanged shows.

Each checkpoint that was written is a link of the chain, too (event `checkpoint`), which names the file by its first line.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from wince import plain_file
from wince.domain.audit import CHECKPOINT, Checkpoint
from wince.errors import IntegrityError, ResourceError
from wince.store.audit import Fact
from wince.store.database import Database, Tx
from wince.store.plain import dump

GIVEN_UP = "checkpoints_given_up"
"""Event: a person said that the files of before are lost."""
_BEGIN = '{"seq": '
_TAIL = 1 << 16
"""Bytes at a file's end in which its last whole line stands."""
_LATEST = 1000
"""Checkpoints that are looked at: a replica that wrote none of them has long been gone."""
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
_COMPARE = "compare with the copy of the file"


@dataclass(frozen=True, slots=True)
class ChainCheckpoints:
    """What the chain says of checkpoint files since the last that were given up."""

    last: Mapping[str, int]
    """`seq` of the last checkpoint in each file, by the file's identity."""


def append(file: Path, point: Checkpoint, key: str) -> None:
    """Adds a line, durably. `key`: whose signature it is, hex. Raises ResourceError."""
    append_line(file, line(point, key))


def append_line(file: Path, text: str) -> None:
    """Adds a line, durably, behind whole lines. Raises ResourceError."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(file, "ab+") as stream:
            # A line that a crash cut short is closed, so that it can't spoil this one.
            cut = stream.tell() > 0 and stream.seek(-1, os.SEEK_END) >= 0 and stream.read(1) != b"\n"
            stream.write((b"\n" if cut else b"") + text.encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise ResourceError(
            error.strerror or "can't be written", field=str(file), remedy="the checkpoints need a place outside the database"
        ) from None


def line(point: Checkpoint, key: str) -> str:
    """A checkpoint as a line of JSON. `key`: whose signature it has, hex."""
    said = {"seq": point.seq, "head": point.head.hex(), "root": point.root.hex(), "at": point.at}
    return json.dumps({**said, "key": key, "signature": point.signature.hex()})


def parse(text: str) -> Checkpoint | None:
    """The checkpoint of a line; None where it is none."""
    try:
        return _parsed(text)[0]
    except _UNREADABLE:
        return None


def newest(file: Path) -> Checkpoint | None:
    """The last checkpoint of a file, of whatever length; None where there is none in its last lines. Raises ResourceError."""
    try:
        with plain_file.opened(file) as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL))
            lines = stream.read(_TAIL).decode("ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ResourceError(error.strerror or "can't be read", field=str(file), remedy="make the checkpoints readable") from None
    return next((point for point in map(parse, reversed(lines)) if point is not None), None)


def read(file: Path, key: str = "") -> list[Checkpoint]:
    """The checkpoints in a file, in its order; none where it is absent. A line that a crash cut short is left out.

    `key` (hex): who must have signed; empty: not looked at. Raises IntegrityError for a line that is no checkpoint, of another key, or
    of a time before that of the line above it; ResourceError where the file can't be read.
    """
    found: list[Checkpoint] = []
    for number, text in enumerate(_lines(file), 1):
        if _cut(text):
            continue
        try:
            point, signer = _parsed(text)
        except _UNREADABLE:
            raise IntegrityError(f"line {number} is no checkpoint", field=str(file), remedy=_COMPARE) from None
        if key and signer != key:
            raise IntegrityError(f"line {number} names another key than the site's", field=str(file), remedy=_COMPARE)
        if found and point.at < found[-1].at:
            raise IntegrityError(f"line {number} is older than the line above it", field=str(file), remedy=_COMPARE)
        found.append(point)
    return found


def identity(file: Path) -> str:
    """What the chain calls this file; empty where nothing stands in it. Raises ResourceError."""
    lines = _lines(file)
    return hashlib.sha256(lines[0].encode()).hexdigest()[:32] if lines else ""


def fact(file: Path, point: Checkpoint) -> Fact:
    """The link that says that a checkpoint stands in a file."""
    name = identity(file)
    said = {"file": name, "seq": point.seq, "head": point.head.hex()}
    return Fact(uuid5(NAMESPACE_URL, f"urn:wince:checkpoint:{name}:{point.seq}"), 1, CHECKPOINT, 1, dump(said))


def chain_checkpoints(tx: Tx, file: Path | None = None) -> ChainCheckpoints:
    """What the chain says of checkpoint files. Of the newest checkpoints alone, and, however long ago, of `file`: that of a replica which
    was away while others signed."""
    rows = tx.execute(
        "SELECT p.payload FROM audit a JOIN audit_payload p ON p.place = coalesce(a.payload, a.seq) WHERE a.event = 'checkpoint'"
        " AND a.seq > coalesce((SELECT max(seq) FROM audit WHERE event = 'checkpoints_given_up'), 0) ORDER BY a.seq DESC LIMIT %s",
        (_LATEST,),
    ).fetchall()
    last: dict[str, int] = {}
    for (payload,) in rows:
        try:
            said = json.loads(payload)
            last.setdefault(str(said["file"]), int(said["seq"]))
        except _UNREADABLE:
            what = "a payload about a checkpoint is none"
            raise IntegrityError(what, field="audit rows", remedy="run `wince audit verify`, keep the database as it is") from None
    name = identity(file) if file is not None and len(rows) == _LATEST else ""
    if name and name not in last and (own := _last_said(tx, name)):
        last[name] = own
    return ChainCheckpoints(last)


def given_up(tx: Tx) -> list[tuple[str, str, str]]:
    """(at, by, reason) of each time that a person gave the checkpoints up, the first first."""
    rows = tx.execute(
        "SELECT a.at_utc, p.payload FROM audit a LEFT JOIN audit_payload p ON p.place = coalesce(a.payload, a.seq)"
        " WHERE a.event = %s ORDER BY a.seq",
        (GIVEN_UP,),
    ).fetchall()
    return [(at, *_who(payload)) for at, payload in rows]


def _who(payload: str | None) -> tuple[str, str]:
    try:
        said = json.loads(payload or "{}")
        return str(said.get("by", "?")), str(said.get("reason", "?"))
    except _UNREADABLE:
        return "?", "?"


def read_chain_checkpoints(database: Database, file: Path | None = None) -> ChainCheckpoints:
    """As `chain_checkpoints`, in a transaction of its own."""
    with database.transaction() as tx:
        return chain_checkpoints(tx, file)


def is_told(database: Database, file: Path, point: Checkpoint) -> bool:
    """Whether the chain says, however long ago, that this checkpoint stands in this file."""
    entry = fact(file, point).entry
    with database.transaction() as tx:
        return tx.execute("SELECT 1 FROM audit WHERE entry = %s AND event = %s", (entry, CHECKPOINT)).fetchone() is not None


def held(database: Database, file: Path, key: str = "") -> list[Checkpoint]:
    """The checkpoints in a file, as `read`, held against the chain. The chain is asked first: what is written meanwhile stands in the file
    before the chain speaks of it. A file that was given up, such as with its key, holds what it must once it holds all of its own.
    Raises IntegrityError too where checkpoints that the file must hold are not there."""
    said = read_chain_checkpoints(database, file)
    points = read(file, key)
    if lacking := missing(file, points, said):
        own = _given_up_at(database, identity(file)) if points else 0
        if own and max(point.seq for point in points) >= own:
            return points
        if points:
            what = f"ends with a checkpoint of row {max(point.seq for point in points)}; the chain speaks of one of row {lacking}"
            raise IntegrityError(what, field=str(file), remedy=_COMPARE)
        remedy = (
            "bring it back from its copy, or name it in WINCE_CHECKPOINT_FILE; where it is lost for good, `wince audit checkpoints-lost`"
        )
        what = f"the chain speaks of checkpoints up to row {lacking}, and the file holds none"
        raise IntegrityError(what, field=str(file), remedy=remedy)
    return points


def missing(file: Path, points: list[Checkpoint], said: ChainCheckpoints) -> int:
    """Row of the last checkpoint that the file must hold and does not; 0: none. Of a file that the chain doesn't know the newest of all."""
    if not said.last:
        return 0
    wanted = said.last.get(identity(file), max(said.last.values()))
    return wanted if max((point.seq for point in points), default=0) < wanted else 0


def _given_up_at(database: Database, name: str) -> int:
    """Row of the last checkpoint in a file, by its identity, where that was given up since; 0: the chain knows no such file."""
    with database.transaction() as tx:
        return _last_said(tx, name, given_up=True)


def _last_said(tx: Tx, name: str, *, given_up: bool = False) -> int:
    """Row of the last checkpoint in a file, by its identity, of those after the last giving up, or before it; 0: there is none."""
    row = tx.execute(
        "SELECT p.payload FROM audit a JOIN audit_payload p ON p.place = coalesce(a.payload, a.seq) WHERE a.event = 'checkpoint'"
        " AND (a.seq < coalesce((SELECT max(seq) FROM audit WHERE event = 'checkpoints_given_up'), 0)) = %s AND p.payload LIKE %s"
        " ORDER BY a.seq DESC LIMIT 1",
        (given_up, f"%{name}%"),
    ).fetchone()
    try:
        said = json.loads(row[0]) if row else {}
        return int(said["seq"]) if said.get("file") == name else 0
    except _UNREADABLE:
        return 0


def whole_lines(file: Path) -> list[str]:
    """The lines of a file; none where it is absent. A line that a crash cut short is left out. Raises ResourceError."""
    return [text for text in _lines(file) if not _cut(text)]


def _cut(text: str) -> bool:
    return not text.endswith("}") and (text.startswith(_BEGIN) or _BEGIN.startswith(text))


def _parsed(text: str) -> tuple[Checkpoint, str]:
    """A checkpoint, and whose signature it has. Raises one of _UNREADABLE."""
    said = json.loads(text)
    head, root, signature = (bytes.fromhex(said[name]) for name in ("head", "root", "signature"))
    return Checkpoint(int(said["seq"]), head, root, str(said["at"]), signature), str(said["key"])


def _lines(file: Path) -> list[str]:
    try:
        with plain_file.opened(file) as stream:
            return stream.read().decode("ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ResourceError(error.strerror or "can't be read", field=str(file), remedy="make the checkpoints readable") from None
