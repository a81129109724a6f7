"""Files that are no protocol, or nearly one: each is refused by name, with its line, at once; none is taken for what it doesn't say."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.docs import ROOT
from wince.cli import protocol_keys
from wince.errors import ProtocolError
from wince.protocols import loader
from wince.protocols.leaves import leaves
from wince.protocols.limits import CHOICES, NUMBERS
from wince.protocols.rules import ClinicalProtocol
from wince.serve import scoring
from wince.settings.docstrings import of_class
from wince.toml.lines import key_lines

SHIPPED = (loader.SHIPPED / "activity.toml").read_text()


def line(start: str) -> int:
    """Number of the line of activity.toml that begins so."""
    return next(number for number, text in enumerate(SHIPPED.splitlines(), 1) if text.startswith(start))


def refused(path: Path) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        loader.load("activity", (path.parent,))
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "at", "key", "why"),
    [
        ('code = "low"', 'code = "quiet"', 'code = "low"', "codes.grades.low.code", "is the code of 'quiet' too"),
        ('"Low facial activity"', '"QUIET face"', 'display = "Low', "codes.grades.low.display", "is what 'quiet' says too"),
        ('unit_code = "{score}"\n', "", "[codes]", "codes.unit_code", "missing"),
        ('unit_code = "{score}"', 'unit_code = "points"', "unit_code", "codes.unit_code", "is 'points'"),
        ('unit = "score"', 'unit = " "', "unit =", "codes.unit", "is empty"),
        ('code = "facial-activity"', 'code = "facial  activity"', "code =", "codes.code", "is 'facial  activity'"),
        ('scorer = "activity"', 'scorer = "aktivity"', "scorer", "estimate.scorer", "is 'aktivity'"),
        ('"face_landmarks", ', "", "models", "estimate.models", "leaves out face_landmarks"),
        ('"face_landmarks", ', '"face_landmarks", "face_landmarks", ', "models", "estimate.models", "has 'face_landmarks' twice"),
        ("full_range = true", "full_range = false", "models", "estimate.models", "leaves out blazeface_short_range"),
        ('title = "Facial', 'title = "\\u0007Facial', "title", "title", "must not hold control characters"),
        ('source = "range', 'source = "\\u202erange', "source", "scale.source", "holds a letter that turns the direction"),
        ('{ name = "low", min = 2 }', '{ name = "low", min = nan }', '  { name = "low"', "scale.grades[1].min", "is nan, which can't be"),
        ("every_s = 3600", "every_s = 9999999999999999999999", "every_s", "chart.every_s", "is a number of 74 bits"),
        ('min_age = "18y"', 'min_age = "999y"', "min_age", "population.min_age", "999y is longer than a life"),
        ("length_s = 5", "length_s = 514.2857142857143", "length_s", "window.length_s", "514.285714286 does not divide an hour"),
        ("reference = true", 'classes = ["low"]', "reference", "estimate.classes", "are 1"),
        ("reference = true", 'classes = ["low", "quiet"]', "reference", "estimate.classes", "are not in the order of the scale"),
        ('fusion = "mean"', 'fusion = "weighted"', "fusion", "estimate.fusion", "is 'weighted' without members"),
        ("[window]", "[windows]", "[window]", "windows", "unknown key"),
        ("max_yaw = 40", "max_yaw.x = 40", "max_yaw", "detect.max_yaw", "is a table"),
        ('version = "1"', '"a\\u0000b" = 1\nversion = "1"', "version", "'a\\x00b'", "unknown key"),
    ],
)
def test_a_key_that_is_wrong_is_named_with_its_line(tmp_path: Path, old: str, new: str, at: str, key: str, why: str) -> None:
    path = tmp_path / "activity.toml"
    assert old in SHIPPED
    path.write_text(SHIPPED.replace(old, new, 1))
    error = refused(path)
    where, _, named = error.field.removeprefix(f"{path}:").partition(": ")
    assert named == key
    assert why in error.message
    assert int(where) == line(at)


@pytest.mark.parametrize(
    ("raw", "at", "why"),
    [
        (b"\xef\xbb\xbf" + SHIPPED.encode(), 1, "begins with a byte order mark of UTF-8"),
        (SHIPPED.encode("utf-16"), 1, "begins with a byte order mark of UTF-16"),
        (SHIPPED.replace("adults", "\u00e4lter", 1).encode("latin-1"), 1, "is not UTF-8: byte 0xe4"),
        (b"title = 1\nx = " + b"[" * 100_000, 2, "is nested deeper than 16 brackets"),
        (b"title = 1\n\nx = " + b"{ a = " * 20_000, 3, "is nested deeper than 16 brackets"),
        (b"title = 1\n" + b"a." * 60_000 + b"a = 1", 2, "is nested deeper than 16 brackets or 16 parts"),
        (b"title = 1\n[" + b"a." * 60_000 + b"a]", 2, "is nested deeper than 16 brackets or 16 parts"),
        (b"title = 1\n\nversion = " + b"9" * 5000 + b"\n\n", 3, "holds a number that no computer holds"),
        (b'title = "a\x07"', 1, "Illegal character"),
        (b'title = "a"\ntitle = "b"', 2, "Cannot overwrite a value"),
        (b'title = """' + b'\\"""\n' * 40_000, 40_001, "Unterminated string"),
        (b'title = "' + b'\\"' * 100_000, 1, "Unterminated string"),
    ],
)
def test_bytes_that_are_no_protocol_are_named_with_their_line(tmp_path: Path, raw: bytes, at: int, why: str) -> None:
    path = tmp_path / "activity.toml"
    path.write_bytes(raw)
    error = refused(path)
    assert error.field == f"{path}:{at}"
    assert why in error.message


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (os.mkfifo, "is no regular file"),
        (Path.mkdir, "is no regular file|Is a directory"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: path.symlink_to("nowhere"), "No such file"),
        (lambda path: path.symlink_to("/dev/zero"), "is no regular file"),
        (_sparse, "is larger than 256 KiB"),
        (_socket, "can't be read"),
    ],
)
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path, make: Callable[[Path], object], why: str) -> None:
    path = tmp_path / "activity.toml"
    make(path)
    with pytest.raises(ProtocolError, match=why) as caught:
        loader.load("activity", (tmp_path,))
    assert caught.value.field == str(path)


@pytest.mark.parametrize("name", sorted(loader.available()))
def test_every_value_of_a_shipped_file_has_its_line(name: str) -> None:
    """Found by the key with which an error would name it: the line holds the key's last part, or the member itself."""
    path = loader.available()[name]
    text = path.read_text()
    found, rows = key_lines(text), text.splitlines()
    known = [leaf for leaf in leaves(loader.load(name)) if leaf.key in found]
    assert len(known) > 60
    for leaf in known:
        last = leaf.key.rpartition(".")[2].partition("[")[0]
        assert last in rows[found[leaf.key] - 1] or str(leaf.value) in rows[found[leaf.key] - 1], leaf


def test_the_names_of_scorers_are_those_that_can_be_built() -> None:
    assert set(CHOICES["estimate.scorer"]) == set(scoring.SCORERS)


def test_the_page_of_keys_is_made_from_the_code() -> None:
    assert (ROOT / "docs/reference/protocol-keys.md").read_text() == protocol_keys.page(), "make docs"


def test_every_key_says_what_it_means() -> None:
    """A limit of a key that no table has would say nothing either."""
    for kind, _, key in protocol_keys._tables(ClinicalProtocol, "", ""):
        assert set(of_class(kind)) >= {name for name, _ in protocol_keys._fields(kind)}, key
    page = protocol_keys.page()
    for key in {**CHOICES, **NUMBERS}:
        assert f"| `{key.rpartition('.')[2].removesuffix('[]')}` |" in page
