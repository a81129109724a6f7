"""The pages that a reader follows from top to bottom run to their end, and print what they show."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.face_models import fetched
from tests.support.docs import follow
from wince.testing import clips

PAGES = ("README.md", "docs/tutorials/assess.md", "docs/tutorials/python.md", "docs/tutorials/read-a-report.md")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One reader's folder for all pages, so that a clip is graded once: with a clip, as README's reader has one, and the environment."""
    fetched()
    made = tmp_path_factory.mktemp("reader")
    shutil.copy(clips.clip("bed1"), made / "clip.mp4")
    (made / ".venv").symlink_to(sys.prefix)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_to_its_end(page: str, folder: Path) -> None:
    follow(page, folder)
