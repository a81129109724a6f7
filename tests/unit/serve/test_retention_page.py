"""docs/reference/retention.md: made from the code, and whole: every place of the state directory is on it."""

import dataclasses
from pathlib import Path

from tests.support.docs import ROOT
from wince.serve import retention_page
from wince.serve.state_dir import CLOSED, Places
from wince.settings import Settings
from wince.store.resting import TABLES

FILES = " ".join(one.where for one in retention_page.FILES)


def test_the_page_is_what_the_code_says() -> None:
    """`make docs` was run."""
    assert (ROOT / "docs/reference/retention.md").read_text() == retention_page.page(), "make docs"


def test_every_place_of_the_state_directory_is_on_it() -> None:
    """A new file or folder says what it holds of a person, and how long."""
    here = Places.of(Settings())
    for field in dataclasses.fields(Places):
        path: Path = getattr(here, field.name)
        assert path == here.root or path.relative_to(here.root).as_posix() in FILES, field.name
    assert [name for name in CLOSED if f"{name}/" not in FILES] == []


def test_limits_are_settings() -> None:
    for one in TABLES:
        for word in one.rests.replace(",", " ").replace(";", " ").split():
            if "_" in word:
                assert word in Settings.model_fields, one.name
