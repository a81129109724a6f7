"""Every command that the documentation shows exists, with its options; what isn't run says why."""

from __future__ import annotations

import re

import pytest

from tests.support.docs import FENCE, OURS, PYTHON, ROOT, SHELL, SHOWN, Block, blocks, fault, missing, ours, pages

EVERY = [block for page in pages() for block in blocks(page)]
CODE = [block for block in EVERY if block.language in (*SHELL, PYTHON)]
RUN_PAGES = ("README.md", "docs/tutorials/")
"""Pages that a reader follows from top to bottom: there a block runs, or says why not."""


@pytest.mark.parametrize("block", CODE, ids=str)
def test_a_block_of_commands_parses(block: Block) -> None:
    if block.language == PYTHON:
        compile(block.text, str(block), "exec")
    else:
        assert [said for words in ours(block.text) if (said := fault(words))] == []


@pytest.mark.parametrize("page", pages())
def test_a_command_within_a_sentence_exists(page: str) -> None:
    text = FENCE.sub("", (ROOT / page).read_text())
    named = re.findall(r"`((?:wince|make) [^`\n]+)`", text)
    words = [[word for word in command.replace("...", "").split() if word != "..."] for command in named]
    assert sorted({said for one in words if "`" not in one and (said := _fault_of_a_mention(one))}) == []


def _fault_of_a_mention(words: list[str]) -> str:
    """A sentence may name a command without what it needs."""
    return fault([word.strip("[]()'\"").split("|")[0] or "x" for word in words], whole=False)


@pytest.mark.parametrize("block", [block for block in CODE if block.how], ids=str)
def test_what_is_not_run_says_why(block: Block) -> None:
    assert block.how in {"parse-only", "run-by"}
    assert block.reason
    if block.how == "run-by":
        assert block.page in (ROOT / block.reason).read_text(), f"{block.reason} doesn't name {block.page}"


@pytest.mark.parametrize("block", [block for block in CODE if not block.how], ids=str)
def test_what_is_run_stands_where_a_test_runs_it(block: Block) -> None:
    """What `make docs` made is the affair of its generator."""
    made = "Made by `make docs`" in (ROOT / block.page).read_text()[:500]
    assert made or block.page.startswith(RUN_PAGES), "say `parse-only: why`, or `run-by: the test's file`"


@pytest.mark.parametrize("block", [block for block in EVERY if block.language not in (*SHELL, PYTHON)], ids=str)
def test_no_command_hides_in_another_block(block: Block) -> None:
    assert OURS.search(block.text) is None, "mark the block as sh"


def test_output_follows_the_block_that_printed_it() -> None:
    """Else nothing compares it."""
    for page in pages():
        if page.startswith(RUN_PAGES):
            before = ""
            for block in blocks(page):
                assert block.language != SHOWN or before in (*SHELL, PYTHON), block
                before = block.language


def test_a_command_that_is_not_there_is_found() -> None:
    """Else the tests above prove nothing."""
    text = (
        "X=1 wince assess a.mp4 \\\n  --no-such 3 | tee out  # wince nothing\ncat > f <<'END'\nwince heredoc\nEND\nmake run; make nothing\n"
    )
    assert [fault(words) for words in ours(text)] == ["wince assess a.mp4 --no-such 3: No such option: --no-such", "", "nothing"]
    assert "no command moan" in fault(["wince", "hl7", "moan"])
    assert "missing" in fault(["wince", "outbox", "release"])
    assert fault(["wince", "outbox", "release"], whole=False) == ""
    assert missing("a 1\nc 3", "a 22\nb\nc 4") == []
    assert missing("c 1\na 3", "a 22\nb\nc 4") == ["a #"]
