"""A census as CSV: from the bytes of a file to a list. Pure; every limit and every bad row has a name, and no message quotes a row.

    patient,encounter,bed,since,birth_date,patient_authority,encounter_authority
    P29920800,V29920800,ICU^101^A,2026-11-21T06:00:00Z,1958-02-03,HOSP,HOSP

`patient`, `encounter` and `bed` are needed; the other columns may be missing or empty. Columns between them are passed over.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from wince.domain.outside import BadRow, CensusList, Listed
from wince.errors import InputError
from wince.hospital.outside.rows import Row, Wrong, listed
from wince.hospital.site import parts, system

MAX_BYTES = 4 << 20
MAX_ROWS = 20_000
MAX_TOLD = 20
"""Bad rows that an error names."""
ENCODINGS = ("utf-8", "utf-16", "iso8859-1", "iso8859-15", "cp1252")
"""Encodings that a file may be in; a byte order mark decides by itself."""
NEEDED = ("patient", "encounter", "bed")
OTHERS = ("since", "birth_date", "patient_authority", "encounter_authority")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read."""

    moment_us: int
    """When it was so, microseconds UTC."""
    encoding: str = "utf-8"
    zone: tzinfo = UTC
    """Time zone of times without an offset."""
    patient_authority: str = ""
    """Assigning authority of medical record numbers where no column says it, as in PID-3.4; empty: the column must."""
    encounter_authority: str = ""
    """The same of visit numbers (PV1-19)."""
    wards: frozenset[str] = frozenset()
    """Wards that it tells whole, besides those of its rows."""
    skip_bad: bool = False
    """Leave out rows that can't be used, instead of refusing the file."""


def read(data: bytes, how: Reading, *, field: str = "census") -> CensusList:
    """The list. `field`: how errors name the file.

    Raises InputError: too big, wrong encoding (with its line), columns missing, and, unless `skip_bad`, rows that can't be used, each
    by line and column.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"is larger than {MAX_BYTES >> 20} MiB", field=field, remedy="list the wards with cameras only")
    lines = _lines(_text(data, how.encoding, field), field)
    header = next(lines, None)
    if header is None:
        raise InputError("is empty", field=field, remedy=f"begin with the columns {', '.join(NEEDED)}")
    columns = _columns(header[1], field)
    rows: list[Listed] = []
    bad: list[BadRow] = []
    for count, (number, values) in enumerate(lines):
        if count >= MAX_ROWS:
            raise InputError(f"has more than {MAX_ROWS} rows", field=field, remedy="list the wards with cameras only")
        try:
            rows.append(_row(values, columns, len(header[1]), how))
        except Wrong as wrong:
            column, why = wrong.args
            bad.append(BadRow(f"line {number}, column {column}" if column else f"line {number}", why))
    if bad and not how.skip_bad:
        raise InputError(told(bad), field=field, remedy="correct these rows; with --skip-bad-rows the others are taken without them")
    unique = tuple(dict.fromkeys(rows))
    return CensusList("csv", how.moment_us, unique, how.wards | {row.ward for row in unique}, tuple(bad))


def told(bad: Sequence[BadRow]) -> str:
    """The first rows that can't be used, one a line.

    >>> told([BadRow("line 2, column bed", "is empty")])
    "a row of the census can't be used\\n  line 2, column bed: is empty"
    """
    what = "a row of the census can't be used" if len(bad) == 1 else f"{len(bad)} rows of the census can't be used"
    more = [f"and {len(bad) - MAX_TOLD} more"] if len(bad) > MAX_TOLD else []
    return "\n  ".join([what, *(f"{one.where}: {one.why}" for one in bad[:MAX_TOLD]), *more])


def authority(text: str) -> str:
    """The URI of an authority as a file or a setting writes it: a URI as it is, else NAMESPACE, OID, or NAMESPACE&OID&ISO.

    >>> authority("HOSP"), authority("1.2.3"), authority("urn:oid:1.2.3"), authority("")
    ('urn:wince:authority:HOSP', 'urn:oid:1.2.3', 'urn:oid:1.2.3', '')
    """
    if not text or text.startswith(("urn:", "http://", "https://")):
        return text
    return system(parts(text))


def _text(data: bytes, encoding: str, field: str) -> str:
    if encoding not in ENCODINGS:
        raise InputError("is no encoding that is known here", field="census_encoding", remedy=f"one of {', '.join(ENCODINGS)}")
    chosen = next((name for mark, name in _MARKS if data.startswith(mark)), encoding)
    try:
        return data.decode(chosen)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        remedy = f"name its encoding with --encoding, one of {', '.join(ENCODINGS)}"
        raise InputError(f"line {line} is not {chosen}", field=field, remedy=remedy) from None


def _lines(text: str, field: str) -> Iterator[tuple[int, list[str]]]:
    """(line, values) of every row that holds something. A quoted value may go over lines: the line is that of its row's end."""
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for values in reader:
            if any(value.strip() for value in values):
                yield reader.line_num, [value.strip() for value in values]
    except csv.Error:
        remedy = "is a quotation mark missing, or a value longer than 128 KiB?"
        raise InputError(f"line {reader.line_num} is no CSV", field=field, remedy=remedy) from None


def _columns(header: Sequence[str], field: str) -> dict[str, int]:
    names = [name.strip().lower().replace(" ", "_") for name in header]
    known = [name for name in names if name in (*NEEDED, *OTHERS)]
    if missing := [name for name in NEEDED if name not in known]:
        remedy = f"its first line names the columns: {', '.join((*NEEDED, *OTHERS))}"
        raise InputError(f"has no column {', '.join(missing)}", field=field, remedy=remedy)
    if twice := sorted({name for name in known if known.count(name) > 1}):
        raise InputError(f"has the column {', '.join(twice)} twice", field=field, remedy="name each column once")
    return {name: names.index(name) for name in known}


def _row(values: Sequence[str], columns: dict[str, int], width: int, how: Reading) -> Listed:
    if len(values) != width:
        raise Wrong("", f"has {len(values)} values, the first line {width}")
    said = {name: values[index] for name, index in columns.items()}
    row = Row(
        said["patient"],
        authority(said.get("patient_authority") or how.patient_authority),
        said["encounter"],
        authority(said.get("encounter_authority") or how.encounter_authority or how.patient_authority),
        said["bed"],
        said.get("since", ""),
        said.get("birth_date", ""),
    )
    return listed(row, how.zone, how.moment_us)
