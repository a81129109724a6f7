"""Numbers, reasons and file names as people read them."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from wince.domain.reason import Reason

REASONS = {
    Reason.NO_FRAME: "no picture came",
    Reason.CORRUPT: "damaged pictures",
    Reason.GAP: "no frames",
    Reason.LATE: "scored too late",
    Reason.NONE: "no face seen",
    Reason.SMALL: "face too small",
    Reason.DARK: "too dark",
    Reason.BLURRED: "blurred",
    Reason.TURNED: "face turned away",
    Reason.UPSIDE_DOWN: "face upside down",
    Reason.COVERED: "face covered",
    Reason.NOT_PATIENT: "not the patient's face",
    Reason.SEVERAL: "several faces",
    Reason.MODEL_CHANGE: "models changed",
    Reason.CONFLICT: "smile and pain at once",
    Reason.UNCERTAIN: "model unsure",
    Reason.POPULATION: "outside the population",
    Reason.PATIENT: "not assessable by face",
    Reason.PAUSED: "paused",
    Reason.OFF: "switched off",
    Reason.CONSENT: "no consent",
    Reason.NO_PATIENT: "no patient known",
    Reason.TWO_PATIENTS: "two patients claimed",
    Reason.DOUBTFUL: "patient in doubt",
}
"""Every reason in at most four words."""

UNIT_NAMES = (
    ("AU4", "brows lowered"),
    ("AU6", "cheeks raised"),
    ("AU7", "lids tightened"),
    ("AU9", "nose wrinkled"),
    ("AU10", "upper lip raised"),
    ("AU43", "eyes closed"),
)
"""In the order of domain.estimate.UNITS."""

NOT_MEASURED = "not measured"
NONE = "\N{EN DASH}"
"""Stands for a number that there is not."""
_LONGEST_STEM = 60
_ABSOLUTE = re.compile(r"(?<![\w/:.<])(?:~?/|[A-Za-z]:\\)(?:[^\s/\\:;,'\"]+[/\\])+([^\s/\\:;,'\"]*)")
"""A file with its folders, from the root or somebody's home; its last part alone is kept."""


def number(value: float | None, digits: int = 1) -> str:
    """A number, or a dash: what was not measured is never 0.

    >>> number(3.456), number(None)
    ('3.5', '–')
    """
    return NONE if value is None else f"{value:.{digits}f}"


def share(value: float | None) -> str:
    """0-1 as percent; what is not all is never rounded up to 100 %, what is not nothing never down to 0 %.

    >>> share(1.0), share(0.9996), share(0.002), share(0.4567)
    ('100 %', '99 %', '1 %', '46 %')
    """
    if value is None:
        return NONE
    percent = round(100 * value)
    if 0 < value < 1:
        percent = min(99, max(1, percent))
    return f"{percent} %"


def span(seconds: float) -> str:
    """A length of time.

    >>> span(7.25), span(75), span(3723)
    ('7.2 s', '1 min 15 s', '1 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"


def plain(text: str) -> str:
    """Text without characters that command a terminal or a page: controls, overrides of direction, broken bytes become visible.

    >>> plain("a\\u202eb\\n")
    'a<U+202E>b<U+000A>'
    """
    whole = os.fsencode(text).decode("utf-8", "replace") if any("\ud800" <= c <= "\udfff" for c in text) else text
    return "".join(f"<U+{ord(c):04X}>" if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cn", "Co") else c for c in whole)


def lines(text: str) -> str:
    """Like `plain`, for text of several lines: they become one.

    >>> lines("no video\\n  remedy: name one")
    'no video; remedy: name one'
    """
    return plain("; ".join(" ".join(line.split()) for line in text.splitlines() if line.strip()))


def without_folders(text: str, path: Path | None = None) -> str:
    """Text without the folders of files: a report is passed on, and where it was made is nobody's business. File names stay.

    `path`: of the input that the text is about, whose folder is taken out whatever its name holds.

    >>> without_folders("/mnt/ward 3/a b.mp4: cut off; see /var/log/x.txt", Path("/mnt/ward 3/a b.mp4"))
    'a b.mp4: cut off; see x.txt'
    """
    if path is not None:
        folders = {os.fspath(path.parent), os.path.abspath(path.parent), os.path.realpath(path.parent)}
        for folder in sorted(folders - {".", os.sep}, key=len, reverse=True):
            text = text.replace(folder.rstrip(os.sep) + os.sep, "")
    return _ABSOLUTE.sub(r"\1", text)


def file_name(path: Path) -> str:
    """A file's name, safe to show."""
    return plain(path.name or str(path))


def stem(path: Path) -> str:
    """A file's name without its ending, safe as the begin of another file's name: letters, digits, `-`, `_`, at most 60 bytes.

    >>> stem(Path("../<b>my clip<b>.mp4"))
    'b-my-clip-b'
    """
    kept = "".join(c if c.isalnum() or c in "_-" else "-" for c in unicodedata.normalize("NFC", plain(path.name).rsplit(".", 1)[0]))
    short = "-".join(part for part in kept.split("-") if part)
    return short.encode()[:_LONGEST_STEM].decode(errors="ignore") or "clip"
