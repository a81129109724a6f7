"""The index of a batch: names without roots, a small picture and line a row, what it is sorted by."""

from __future__ import annotations

import gc
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.unit.assess.report import synthetic
from wince.assess.report import write
from wince.assess.report.batch import index, input_names
from wince.assess.report.spark import spark, thumb
from wince.report.document import Cell, Document, Table

PROTOCOL = synthetic.PROTOCOL
ERROR = "/mnt/ward 3/Mrs Example/x.mp4: can't be read; remedy: see /var/log/disk.txt"


def table(*results: Any) -> Table:
    (section,) = index(results, [""] * len(results), PROTOCOL).sections
    (found,) = [block for block in section.blocks if isinstance(block, Table)]
    return found


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/data/ward/a/x.mp4", "/data/ward/b/x.mp4"], ["a/x.mp4", "b/x.mp4"]),
        (["/a/x.mp4", "/b/x.mp4"], ["a/x.mp4", "b/x.mp4"]),
        (["/mnt/one/x.mp4", "/srv/two/y.mp4"], ["x.mp4", "y.mp4"]),
        (["/a/1/x.mp4", "/b/1/x.mp4", "/c/y.mp4"], ["a/1/x.mp4", "b/1/x.mp4", "c/y.mp4"]),
        (["/x.mp4", "/x.mp4"], ["x.mp4", "x.mp4"]),
    ],
)
def test_inputs_are_named_apart_but_never_from_the_root(paths: list[str], names: list[str]) -> None:
    assert input_names([Path(path) for path in paths]) == names


def test_a_failed_input_tells_no_folder() -> None:
    failed = synthetic.failed("x.mp4")
    failed = synthetic.clip(path=Path("/mnt/ward 3/Mrs Example/x.mp4"), error=ERROR, plain=failed.plain, alerts=(), key_frames=())
    row = table(failed, synthetic.clip()).rows[0]
    assert row[-1] == "x.mp4: can't be read; remedy: see disk.txt"
    assert "ward" not in str(row)


def test_each_row_has_a_line_and_a_small_picture() -> None:
    clip, still, dark = synthetic.clip(), synthetic.still(), synthetic.unassessable()
    rows = table(clip, still, dark).rows
    lead, line = rows[0][:2]
    assert isinstance(lead, Cell)
    assert isinstance(line, Cell)
    assert line.figure is not None
    assert "peak 9.8, 1 alerts" in line.figure.alt
    with Image.open(io.BytesIO(lead.thumb)) as picture:
        assert max(picture.width / 128, picture.height / 96) == 1
    assert len(lead.thumb) < 5000
    assert spark(still, PROTOCOL.scale) is None
    assert thumb(still)
    assert thumb(dark) == b""


def test_columns_of_numbers_and_grades_are_sorted_by_them() -> None:
    clip, dark = table(synthetic.clip(), synthetic.unassessable()).rows
    ranks = [part.rank if isinstance(part, Cell) else None for part in clip]
    assert ranks == [None, 0.8, 1, 2e6 + 4.4, 14.6, 9.8, pytest.approx(0.8), None]
    assert [part.rank for part in dark[3:5] if isinstance(part, Cell)] == [None, None]
    assert [part.text for part in clip[3:5] if isinstance(part, Cell)] == ["high, 4.4 s", "quiet, 14.6 s"]


def test_one_report_is_in_memory_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many clips there are: when the next is made, those before it are gone, with their figures and pictures."""
    alive: list[int] = []
    writing = sys.modules[write.__module__]
    real = writing.document

    def document(*given: Any) -> Document:
        gc.collect()
        alive.append(sum(isinstance(one, Document) for one in gc.get_objects()))
        return real(*given)

    before = sum(isinstance(one, Document) for one in gc.get_objects())
    monkeypatch.setattr(writing, "document", document)
    write([synthetic.still(f"{number}.png") for number in range(4)], tmp_path, PROTOCOL)
    assert [count - before for count in alive] == [0, 1, 1, 1], "the one before goes when its name is taken by the next"
