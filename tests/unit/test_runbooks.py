"""The runbooks: every page answers the five questions, the index leads to all, and what is said to be tried is tried."""

from __future__ import annotations

import re

import pytest

from tests.support.docs import ROOT
from tests.unit.test_hazards import lacking
from wince.settings import catalogue

FOLDER = ROOT / "docs/runbooks"
EVENTS = sorted(path.name for path in FOLDER.glob("[a-z]*.md"))
"""Pages of alerts begin with a capital, as the alerts do."""
QUESTIONS = ["How you notice", "What it means for patients", "What to do", "How to see that it is over", "What to write down"]
ROTATE = (FOLDER / "rotate-keys.md").read_text()


@pytest.mark.parametrize("name", EVENTS)
def test_a_page_answers_the_five_questions(name: str) -> None:
    parts = re.split(r"^## (.+)$", (FOLDER / name).read_text(), flags=re.MULTILINE)
    titles, bodies = parts[1::2], parts[2::2]
    assert [title for title in titles if title in QUESTIONS] == QUESTIONS
    assert all(body.strip() for body in bodies)


def test_the_index_leads_to_every_event() -> None:
    index = (FOLDER / "README.md").read_text()
    assert [name for name in EVENTS if f"]({name})" not in index] == []
    assert len(EVENTS) >= 11


def test_how_to_change_a_secret_is_tried() -> None:
    rows = [line for line in ROTATE.splitlines() if line.startswith("| ") and ("`tests/" in line or "the same |" in line)]
    assert len(rows) > 15
    assert lacking(re.findall(r"`(tests/[^`]+)`", ROTATE)) == []


def test_every_secret_that_can_be_set_is_on_the_page() -> None:
    """A setting that names a secret, a private key, a login or a token says here how it is changed."""
    secret = re.compile(r"(?:key|token|login|credentials|password|headers)_file$|_password$|_dsn$")
    named = [path for path in catalogue.by_path() if secret.search(path)]
    groups = {
        "mllp": "`mllp_*`",
        "dicom": "`dicom_*`",
        "ehr_cert": "`ehr_cert_file`",
        "oru_cert": "`oru_cert_file`",
        "archive_cert": "`archive_cert_file`",
    }
    lost = [
        path
        for path in named
        if f"`{path}`" not in ROTATE and not any(path.startswith(one) and said in ROTATE for one, said in groups.items())
    ]
    assert [path for path in lost if path.rpartition(".")[2] not in ROTATE] == []
    assert len(named) > 15
