"""The page is what the tables say."""

from pathlib import Path

from wince.delivery.oru.answers import CONDITIONS
from wince.delivery.oru.page import page
from wince.delivery.oru.profiles.profile import NAMES, OruProfile
from wince.delivery.oru.tables import SEGMENTS

PAGE = Path(__file__).parents[4] / "docs/reference/oru.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "make docs"


def test_it_names_every_field_condition_and_key() -> None:
    said = page()
    wanted = [f"| {segment}-{number} |" for segment, fields in SEGMENTS.items() for number in fields]
    wanted += [f"| {code} " for code in CONDITIONS] + [f"| `{key}` |" for key in OruProfile.__slots__ if key != "name"]
    wanted += [f"`{name}`" for name in NAMES]
    assert [one for one in wanted if one not in said] == []
