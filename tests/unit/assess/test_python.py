"""What a Python developer and a notebook see."""

from __future__ import annotations

import csv
import inspect
import io
import pydoc
import subprocess
import sys
from dataclasses import fields as fields_of
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import wince
from tests.unit.assess.report import synthetic
from wince.assess import python_page
from wince.assess.result import plain
from wince.assess.result.fields import COLUMNS
from wince.assess.result.frame_table import columns
from wince.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[3]
LIGHT = """
import sys, inspect, wince
signature = inspect.signature(wince.assess)
print(*sorted({"numpy", "openvino", "cv2", "av", "pydantic", "rich", "PIL"} & set(sys.modules)))
print(list(signature.parameters)[:2])
import wince.assess.batch
import wince.assess.result as result
from wince import assess
print(inspect.isfunction(wince.assess), assess is wince.assess, wince.assess.batch.run.__name__, result.ClipResult.__name__)
"""


def test_the_signature_is_there_without_the_stages() -> None:
    """A real function, which stays one when modules of the package are imported; they are found by attribute, too."""
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == ["", "['clip', 'protocol']", "True True run ClipResult"]


def test_help_says_what_it_takes() -> None:
    text = pydoc.plain(pydoc.render_doc(wince.assess))
    assert "assess(clip: 'Clip | Sequence[Clip]', protocol: 'str' = 'activity', *," in text
    assert "Args:" in text
    assert "assess" in dir(wince)
    assert inspect.isfunction(wince.assess)


def test_the_package_is_typed() -> None:
    """The marker lies in the package, and the wheel takes the package whole."""
    assert (ROOT / "services/wince/py.typed").is_file()
    assert 'packages = ["services/wince"]' in (ROOT / "pyproject.toml").read_text()


class Page(HTMLParser):
    """Tags that are open, what they said, and what they would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    "result", [synthetic.clip(), synthetic.personal(), synthetic.unassessable(), synthetic.still(), synthetic.failed()]
)
def test_a_notebook_shows_the_headline_and_the_windows(result: object) -> None:
    """Whole, loading nothing, with a name, a caption and headers for who listens."""
    page = Page(result._repr_html_())  # type: ignore[attr-defined]
    assert page.open == []
    assert {tag for tag, _ in page.tags} <= set("section p strong small ul li table caption thead tbody tr th td".split())  # noqa: SIM905
    assert page.tags[0][1]["aria-label"]
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    assert not {name for _, attributes in page.tags for name in attributes} - {"aria-label", "scope"}


def test_a_notebook_leads_with_alerts_and_shows_no_window_of_one_as_quiet() -> None:
    page = Page(synthetic.clip(assessments=(synthetic.window(5, 0),))._repr_html_())
    assert page.text.index("alert high at 7.2 s") < page.text.index("highest: high") < page.text.index("longest (PEEA)")
    assert "alert high (longest quiet)" in page.text
    assert "Research use, not validated" in page.text


def test_what_a_file_s_name_says_is_text() -> None:
    evil = synthetic.clip('<script>alert("x")</script>&.mp4', notes=("<b>",))
    for shown in (evil._repr_html_(), replace(evil, error="<b>no</b>")._repr_html_()):
        assert "<script>" not in shown
        assert "<b>" not in shown
        assert 'alert("x")' not in shown.split("</strong>", 1)[0].split("<strong>")[0]


def test_columns_are_those_of_the_csv() -> None:
    """Typed, None where a cell is empty, as long as there are frames."""
    for result in (synthetic.clip(), synthetic.failed()):
        found = columns(result.path, result.source, result.frames)
        rows = list(csv.DictReader(io.StringIO(plain.table([result]))))
        assert tuple(found) == COLUMNS
        assert {len(values) for values in found.values()} == {len(rows)}
        for name, values in found.items():
            assert [value is None for value in values] == [row[name] == "" for row in rows]


@pytest.fixture
def pandas() -> object:
    return pytest.importorskip("pandas")


@pytest.mark.parametrize("result", [synthetic.clip(), synthetic.unassessable(), synthetic.still(), synthetic.failed()])
def test_a_data_frame_has_a_row_per_frame_and_one_type_per_column(pandas: object, result: object) -> None:
    """Also where nothing was measured: files are put below each other without surprises."""
    frame = result.to_dataframe()  # type: ignore[attr-defined]
    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == len(result.frames)  # type: ignore[attr-defined]
    kinds = {name: str(kind) for name, kind in frame.dtypes.items() if name not in ("file", "source", "reason")}
    assert kinds == dict.fromkeys(kinds, "float64") | {"grade": "Int64", "assessable": "bool"}
    assert frame["score"].isna().sum() == sum(one.score is None for one in result.frames)  # type: ignore[attr-defined]


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(DataError) as caught:
        synthetic.clip().to_dataframe()
    assert caught.value.remedy == "pip install pandas"


@pytest.mark.parametrize(
    ("said", "argument"),
    [
        ({"region": (0, 0, 640, 480)}, "region"),
        ({"rotation": 45}, "rotation"),
        ({"rate": 31}, "rate"),
        ({"face": 1, "region": (0, 0, 1, 1)}, "face"),
        ({"seconds": 5}, "seconds"),
        ({"login_file": "login"}, "login_file"),
        ({"reference": "6-2"}, "reference 6-2"),
    ],
)
def test_an_argument_that_cannot_be_is_named_as_python_knows_it(said: dict[str, Any], argument: str) -> None:
    """The command's options don't exist here."""
    with pytest.raises(ConfigError) as caught:
        wince.assess("clip.mp4", **said)
    assert caught.value.field == argument
    assert caught.value.remedy
    assert "--" not in str(caught.value) + caught.value.diagnostics()


def test_the_page_is_current() -> None:
    """`make docs` was run."""
    assert (ROOT / "docs/reference/python.md").read_text() == python_page.page()


@pytest.mark.parametrize("kind", python_page.RESULTS[:6])
def test_every_field_of_a_result_is_explained(kind: type) -> None:
    found = python_page._fields(kind)
    assert [name for name, _, _ in found] == [one.name for one in fields_of(kind)]
    assert [name for name, _, said in found if not said] == []
