"""`wince --help` imports no command, and says what it said when it imported all."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from wince.cli.main import COMMANDS, build


def test_the_outline_says_what_the_commands_say() -> None:
    outline, whole = (CliRunner().invoke(app, ["--help"], terminal_width=200).output for app in (build(outline=True), build()))
    assert outline == whole
    for command in COMMANDS:
        assert f" {command} " in outline


def test_every_command_has_a_summary() -> None:
    commands = typer.main.get_command(build(outline=True)).commands  # type: ignore[attr-defined]
    assert [name for name in COMMANDS if not commands[name].get_short_help_str()] == []


@pytest.mark.parametrize("line", [["--help"], [], ["--version"], ["asses"]])
def test_a_line_without_a_command_imports_none(line: list[str]) -> None:
    check = """
import sys
from wince.cli.main import main
sys.argv = ["wince", *sys.argv[1:]]
try:
    main()
finally:
    print(*sorted({"numpy", "grpc", "psycopg", "wince.settings", "wince.cli.assess"} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", check, *line], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.splitlines()[-1] == ""
    assert done.returncode == (2 if line in ([], ["asses"]) else 0)
    if line == ["asses"]:
        assert "assess" in done.stderr
