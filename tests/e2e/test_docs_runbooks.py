"""The commands of the runbooks, one page after the other, on one small installation in which something was charted."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.face_models import fetched
from tests.support.docs import Block, blocks, environment, pages
from wince.cli.main import build
from wince.pipeline.record.retraction import Retractor
from wince.serve import record
from wince.serve.service import Repeated
from wince.store.database import Database
from wince.testing import clips

HERE = "tests/e2e/test_docs_runbooks.py"
PAGES = (
    "docs/runbooks/change-model.md",
    "docs/runbooks/add-bed.md",
    "docs/runbooks/ehr-down.md",
    "docs/runbooks/broker-lost.md",
    "docs/runbooks/disk-full.md",
    "docs/runbooks/feed-silent.md",
    "docs/runbooks/rotate-keys.md",
    "docs/runbooks/bad-model.md",
    "docs/runbooks/database-lost.md",
)
FROM, TO = "2026-11-21T08:00:00Z", "2026-11-22T08:00:00Z"
"""Times that the pages show."""
pytestmark = pytest.mark.slow


@pytest.fixture
def site(tmp_path: Path, database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder with a state directory in it and a database beside it, where one bed was watched and its grades were charted. What record
    does for `wince retract` runs: else that command waits 20 s for it, and withdraws nothing."""
    fetched()
    made = Site(tmp_path, {"WINCE_PG_DSN": database_dsn, "WINCE_STATE_DIR": str(tmp_path / "state"), "STATE_DIR": str(tmp_path / "state")})
    for name, value in made.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    made.shell(f"wince run --clip 'ICU^101^A={clips.clip('bed1')}'")
    with Database(database_dsn) as database:
        retraction = Repeated("retraction", record.RETRACT_S, Retractor(database, [], lambda: None).run)
        retraction.start()
        yield made
        retraction.stop()
        assert retraction.failed() is None


@dataclass
class Site:
    """Where the commands are run: those of Wince in this process, which saves starting Python for each, all others in a shell."""

    folder: Path
    variables: dict[str, str]

    def shell(self, script: str) -> str:
        """What it printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, env=environment(self.folder) | self.variables,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def run(self, script: str) -> str:
        """A block; what it printed."""
        printed = ""
        for line in script.splitlines():
            if re.match(r"(\w+=\S+ )*wince ", line):
                printed += self.wince(line)
            elif assigned := re.fullmatch(r"(\w+)=(\S+)(?: +#.*)?", line):
                self.variables[assigned[1]] = assigned[2]
            else:
                printed += self.shell(line)
        return printed

    def wince(self, line: str) -> str:
        """One command, with what is set before it."""
        words = [re.sub(r"\$(\w+)", lambda name: self.variables[name[1]], word) for word in shlex.split(line, comments=True)]
        at = words.index("wince")
        done = CliRunner().invoke(build(), words[at + 1 :], env=dict(word.split("=", 1) for word in words[:at]))
        assert done.exit_code == 0, f"{line}\n{done.output[-2000:]}\n{done.exception}"
        return done.output


def meant(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.how == "run-by" and block.reason == HERE]


def follow(site: Site, page: str) -> str:
    """Everything that a page has run, with what a reader fills in; what it printed."""
    now = datetime.now(UTC)
    begin, end = (f"{now + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (-2, 1))
    printed = ""
    for block in meant(page):
        script = block.text.replace(FROM, begin).replace(TO, end)
        for name, shape in (("MODEL_SET", r"by model set ([0-9a-f]{64})"), ("PUBLIC", r"^([0-9a-f]{64})")):
            if f"{name}=" in script:
                found = re.findall(shape, printed, re.MULTILINE)
                assert found, f"{block}: nothing printed before says what {name} is"
                script = re.sub(rf"{name}=\S+", f"{name}={found[-1]}", script)
        printed += site.run(script)
    return printed


def test_every_page_that_has_commands_to_run_is_followed() -> None:
    assert sorted(PAGES) == sorted(page for page in pages() if meant(page))


def test_the_commands_of_the_runbooks_do_what_is_said(site: Site) -> None:
    """In the order of PAGES: what a page leaves behind is what the next one finds."""
    said = {page: follow(site, page) for page in PAGES}
    outbox, keys, model = (said[f"docs/runbooks/{name}.md"] for name in ("ehr-down", "rotate-keys", "bad-model"))
    assert "everything is written" in outbox
    assert keys.count("audit chain verified") == 2
    assert "key changed on schedule" in keys
    assert "the site is switched off" in model
    assert re.search(r"^[1-9]\d* entries withdrawn", model, re.MULTILINE)
    assert "the site is switched on" in model
