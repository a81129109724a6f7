"""Commands that only read make nothing: not the state directory, not a key, not a cache."""

import pytest
import typer
from typer.core import TyperGroup

from wince.cli.main import build

ENTRY = "00000000-0000-5000-8000-000000000000"
READING = {
    "status": [],
    "census show": [], "census diff": ["absent.csv"], "census load": ["absent.csv"], "census confirm": ["--all"],
    "audit verify": [], "audit show": [], "outbox list": [], "outbox aside": [],
    "outbox replay": [ENTRY], "outbox release": ["ehr"], "doctor": [],
    "ehr jwks": [], "ehr readback": [],
    "config check": [], "config show": [], "config reference": [], "config example": [], "models list": [], "protocols list": [],
    "protocols show": ["activity"], "protocols route": ["--ward", "ICU"],
}  # fmt: skip
"""With the arguments that each needs. What acts on an installation makes none either."""
MAKING = {"assess", "run", "serve", "up", "push", "models fetch"}
"""What is meant to write; the lab's commands all are."""


def commands() -> set[str]:
    """Every command of the tree."""

    def below(group: TyperGroup, path: str) -> set[str]:
        found = set()
        for name, command in group.commands.items():
            found |= below(command, f"{path}{name} ") if isinstance(command, TyperGroup) else {f"{path}{name}"}
        return found

    tree = typer.main.get_command(build())
    assert isinstance(tree, TyperGroup)
    return below(tree, "")


def test_every_command_is_one_or_the_other():
    """A new command is named here; one that reads is tried below."""
    assert {name for name in commands() if not name.startswith("lab ")} == {*READING, *MAKING}


@pytest.mark.parametrize("command", READING)
def test_a_mistyped_state_directory_stays_absent(wince, command, tmp_path, monkeypatch):
    """Whatever the command answers. Nor does the user's home get anything."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("WINCE_STATE_DIR", str(tmp_path / "mistyped" / "state"))
    monkeypatch.setenv("WINCE_MODELS_DIR", str(tmp_path / "models"))
    done = wince(*command.split(), *READING[command])
    assert "Traceback" not in done.err
    assert [path.name for path in tmp_path.rglob("*")] == ["home"]
    if command.startswith(("audit", "outbox", "status", "census show", "census confirm")):
        assert done.code == 4
        assert "mistyped" in done.err
