"""Command-line manners: what is mistyped ends with exit code 2, names what it is and what was meant."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.command import Command
from wince import errors
from wince.cli import exit_codes, reference
from wince.cli.main import COMMANDS, main
from wince.cli.usage import UsageError

DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference"
SEVEN = "00000000-0000-0000-0000-000000000007"
TIMES = ("--from", "2026-01-05T08:00:00Z", "--to", "2026-01-05T09:00:00Z")

WRONG = {
    "census, two sources": ("census diff a.csv --fhir", "--fhir"),
    "census, no bed": ("census confirm", "--bed"),
    "census, time": ("census show --at yesterday", "--at"),
    "census, time without offset": ("census diff a.csv --at 2026-01-05", "--at"),
    "census, encoding": ("census diff a.csv --encoding utf-9", "--encoding"),
    "switch, nothing named": ("switch off --reason noise", "--bed"),
    "switch, two named": ("switch on --reason noise --site --ward ICU", "--bed"),
    "switch, no reason": ("switch off --site --reason=", "--reason"),
    "switch, too long": (f"switch off --site --reason={'x' * 501}", "--reason"),
    "consent, nobody": ("consent refuse --nurse n1", "--encounter"),
    "consent, no nurse": ("consent give --encounter V1 --nurse=", "--nurse"),
    "consent, a nurse without end": (f"consent give --encounter V1 --nurse {'n' * 10_000}", "--nurse"),
    "consent, year 9999": ("consent give --encounter V1 --nurse n1 --since 9999-01-01T00:00+0000", "--since"),
    "consent, time": ("consent give --encounter V1 --nurse n1 --since today", "--since"),
    "retract, nothing named": (("retract", *TIMES, "--reason", "bad"), "--model-set"),
    "retract, no hash": (("retract", *TIMES, "--reason", "bad", "--model-set", "seven"), "--model-set"),
    "retract, no reason": (("retract", *TIMES, "--model-set", "0" * 64), "--reason"),
    "retract, order": (("retract", "--from", TIMES[3], "--to", TIMES[1], "--reason", "bad", "--protocol", "activity"), "--to"),
    "retention, no reason": ("retention erase --patient M1 --reason=", "--reason"),
    "hl7, address": ("hl7 send - --to nowhere", "--to"),
    "hl7, key": (f"hl7 send {__file__} --to 127.0.0.1:1 --key {__file__}", "--key"),
    "hl7, authority": (f"hl7 send {__file__} --to 127.0.0.1:1 --ca /nowhere.pem", "--ca"),
    "hl7, id": ("hl7 parked show seven", "ID"),
    "assess, protocol": ("assess a.mp4 --protocol actvity", "--protocol"),
    "assess, reference": ("assess a.mp4 --reference 6-2", "--reference"),
    "assess, jobs": ("assess a.mp4 --jobs 0", "--jobs"),
    "assess, quiet and more": ("assess a.mp4 -q -v", "--verbose, --quiet"),
    "run, clip": ("run --clip bed1.mp4", "--clip"),
    "run, time": ("run --at noon", "--at"),
    "audit, id": ("audit show --entry seven", "--entry"),
    "audit, key": ("audit verify --key seven", "--key"),
    "outbox, id": ("outbox replay seven", "ENTRY"),
    "outbox, by": (f"outbox done {SEVEN} 1 --by=", "--by"),
    "status, service": ("status --service grade", "--service"),
    "protocols, name": ("protocols show icuu", "NAME"),
    "protocols, place": ("protocols route", "--ward"),
    "protocols, date": ("protocols route --ward ICU --born 1980", "--born"),
    "serve, name": ("serve grad", "SERVICE"),
    "push, rate": ("push a.mp4 --camera c --to 127.0.0.1:1 --rate 0", "--rate"),
    "push, rotation": ("push a.mp4 --camera c --to 127.0.0.1:1 --rotation 45", "--rotation"),
    "fhir, profile": (f"fhir preview {__file__} --profile epicc", "--profile"),
    "lab, part": ("lab corpus out --part tset", "--part"),
    "lab, member": ("lab train scorer a b c --only points9", "--only"),
    "lab, light": ("lab synthesize a.mp4 --light frnt", "--light"),
    "lab, background": ("lab synthesize a.mp4 --background wrd", "--background"),
    "lab, size": ("lab synthesize a.mp4 --size 13x13", "--size"),
    "lab, person": ("lab synthesize a.mp4 --person nobody", "--person"),
    "lab, exposure": ("lab synthesize a.mp4 --exposure dark", "--exposure"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "named"), WRONG.values(), ids=WRONG)
def test_a_wrong_option_is_usage_and_is_named(
    wince: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: object, named: str
) -> None:
    """Exit code 2 on every command, before anything is looked at or made: there isn't even an installation."""
    monkeypatch.chdir(tmp_path)
    done = wince(*(line.split() if isinstance(line, str) else line))  # type: ignore[misc]
    assert (done.code, done.out) == (2, ""), done.err
    assert named in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("asess a.mp4", "Did you mean 'assess'?"),
        ("protocols lst", "Did you mean 'list'?"),
        ("assess a.mp4 --protcol icu", "--protocol"),
        ("assess a.mp4 --protocol actvity", "did you mean activity?"),
        ("protocols show neonate", "did you mean neonatal?"),
        ("serve estimat", "did you mean estimate?"),
        ("census diff a.csv --encoding iso8859-2", "did you mean iso8859-"),
        ("lab corpus out --part tset", "did you mean test?"),
        ("lab train scorer a b c --only points9", "did you mean points"),
        ("fhir preview {file} --profile epicc", "'epic'"),
    ],
)  # fmt: skip
def test_what_was_meant_is_said(wince: Command, line: str, meant: str) -> None:
    done = wince(*line.format(file=__file__).split())
    assert done.code == 2
    assert meant in re.sub(r"[\s│]+", " ", done.err)


def test_a_wrong_setting_stays_configuration(wince: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same mistake in a variable: whoever runs the command didn't make it."""
    monkeypatch.setenv("WINCE_LOG_LEVEL", "lots")
    assert wince("assess", "a.mp4").code == 4
    assert wince("assess", "a.mp4", "--protocol", "icu").code == 4


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_two_letters(wince: Command, name: str) -> None:
    short, long = wince(name, "-h"), wince(name, "--help")
    assert (short.code, short.out) == (0, long.out)
    assert "Usage: wince" in short.out


def test_help_lists_every_exit_code(wince: Command) -> None:
    """All that the code can end with, and no other."""
    shown = re.sub(r"\s+", " ", wince("--help").out)
    listed = re.search(r"Exit codes: ([^.]+)\.", shown)
    assert listed is not None
    numbers = {int(part.split()[0]) for part in listed[1].split(", ")}
    assert numbers == {one.number for one in exit_codes.EXIT_CODES}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.WinceError)]
    assert {0, UsageError.exit_code, 129, 130, 143} | {kind.exit_code for kind in kinds} == numbers


def test_version(wince: Command) -> None:
    from wince.version import VERSION

    assert wince("--version").out == f"wince {VERSION}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell: str) -> None:
    """What `--show-completion` prints asks this program; it answers with the commands that begin so. The shell is named, not looked for
    among this process's ancestors, where there may be none."""
    shown = subprocess.run(
        [sys.executable, "-c", "from wince.cli.main import main; main()", "--show-completion", shell],
        capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
    )  # fmt: skip
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "_WINCE_COMPLETE" in shown.stdout
    asked = {"_WINCE_COMPLETE": "complete_bash", "COMP_WORDS": "wince prot", "COMP_CWORD": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", "from wince.cli.main import main; main()"],
        capture_output=True, text=True, timeout=60, check=False, env={**asked, "PATH": "/usr/bin"},
    )  # fmt: skip
    assert answer.stdout.split() == ["protocols"]


def test_quiet_and_verbose_set_the_log(wince: Command) -> None:
    """Before the command; the setting is not overruled without them."""
    found = {words: wince(*words.split(), "config", "show", "--json").json()["log_level"]["value"] for words in ("", "-q", "-v", "-vv")}
    assert found == {"": "warning", "-q": "error", "-v": "info", "-vv": "debug"}


def test_the_pages_are_current() -> None:
    """`make docs` was run."""
    assert (DOCS / "cli.md").read_text() == reference.page()
    assert (DOCS / "exit-codes.md").read_text() == exit_codes.page()


def test_the_page_holds_every_command() -> None:
    page = reference.page()
    assert [name for name in COMMANDS if f"\n### `wince {name}`\n" not in page] == []
    assert "\n#### `wince census confirm`\n" in page


@pytest.mark.parametrize("text", ["a\nb", "\x1b[2J", "\x7f", "\x85", "\udcff"])
@pytest.mark.parametrize("joined", [True, False])
def test_a_control_character_in_any_word_is_a_usage_error(monkeypatch, capsys, text, joined):
    words = ["--reason=" + text] if joined else ["--reason", text]
    monkeypatch.setattr(sys, "argv", ["wince", "switch", "off", "--site", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--reason: must not hold control characters" in capsys.readouterr().err


def test_a_file_may_have_any_name(monkeypatch, tmp_path, capsys):
    odd = tmp_path / "two\nlines.mp4"
    odd.write_bytes(b"no video")
    monkeypatch.setattr(sys, "argv", ["wince", "assess", str(odd)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code != 2
    assert "control" not in capsys.readouterr().err
