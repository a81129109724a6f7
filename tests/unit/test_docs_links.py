"""A reader who follows a link arrives: pages, headings, and the files that texts and messages name."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@cache
def tracked(pattern: str) -> tuple[str, ...]:
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--", pattern]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def pages() -> list[str]:
    """Every page for people; what a model's folder or the bundled clips hold is read elsewhere."""
    return [
        name for name in tracked("*.md") if name.startswith("docs/") or name in {"services/README.md", "bench/README.md"} or "/" not in name
    ]


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title) for title in titles]
    return frozenset(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in plain)


@pytest.mark.parametrize("name", pages())
def test_every_link_leads_to_a_file_and_a_heading(name: str) -> None:
    page = ROOT / name
    lost = []
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        aim = Path(os.path.normpath(page.parent / path)) if path else page
        if not aim.exists() or (anchor and anchor not in anchors(aim)):
            lost.append(target)
    assert lost == []


def named_in(page: str) -> set[str]:
    """Where a page's links lead, from the root."""
    folder = page.rpartition("/")[0]
    return {os.path.normpath(f"{folder}/{target.partition('#')[0]}") for target in LINK.findall((ROOT / page).read_text())}


def test_the_index_leads_to_every_page() -> None:
    """docs/README.md names each page, pictures aside, or the list of a folder that does: a page that nobody can find helps nobody."""
    linked = named_in("docs/README.md")
    linked |= set().union(*(named_in(name) for name in sorted(linked) if name.endswith("/README.md") and name.startswith("docs/")))
    pages = {name for name in tracked("docs/*") if not name.startswith("docs/images/")} - {"docs/README.md"}
    assert sorted(pages - linked) == []


def test_a_file_below_docs_that_code_or_a_message_names_exists() -> None:
    sources = [name for pattern in ("*.py", "*.toml", "*.proto", "Makefile", "*.md", "*.yaml") for name in tracked(pattern)]
    named = {(match[0], name) for name in sources for match in re.finditer(r"(?<![\w/])docs/[\w./-]+\.\w+", (ROOT / name).read_text())}
    assert sorted({name for name in named if not (ROOT / name[0]).exists()}) == []


def test_a_source_file_that_the_architecture_names_exists() -> None:
    """By the end of its path, as it is written there."""
    sources = ["/" + name for pattern in ("*.py", "*.toml") for name in tracked(pattern)]
    named = re.findall(r"`([\w./-]+\.(?:py|toml))`", (ROOT / "ARCHITECTURE.md").read_text())
    assert len(named) > 40
    assert sorted({name for name in named if not any(source.endswith("/" + name) for source in sources)}) == []
