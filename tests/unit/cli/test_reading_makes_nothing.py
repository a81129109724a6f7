"""Commands that only read make nothing: not the state directory, not a key, not a cache."""

import pytest
import typer
from typer.core import TyperGroup

from wince.cli.main import build

ENTRY = "00000000-0000-5000-8000-000000000000"
READING = {
    "status": [],
    "census show": [], "census diff": ["absent.csv"], "census load": ["absent.csv"], "census confirm": ["--all"],
    "migrate": [], "audit verify": [], "audit show": [], "audit checkpoints-lost": ["--by", "N1", "--reason", "lost"],
    "audit restored": ["--by", "N1", "--reason", "backup"],
    "sources undo-ahead": ["cam-1", "--by", "N1", "--reason", "clock"],
    "outbox list": [], "outbox aside": [], "outbox drop": ["cam-1", "--reason", "spoilt"],
    "outbox replay": [ENTRY], "outbox release": ["ehr"], "doctor": [],
    "token list": [], "token revoke": ["a"], "token seal": [], "kafka acls": [],
    "ehr jwks": [], "ehr readback": [],
    "config check": [], "config show": [], "config reference": [], "config example": [], "models list": [], "protocols list": [],
    "protocols show": ["activity"], "protocols route": ["--ward", "ICU"],
    "outbox done": [ENTRY, "1", "--by", "N1"],
    "retract": ["--from", "2026-11-01T00:00:00Z", "--to", "2026-11-02T00:00:00Z", "--protocol", "activity", "--reason", "trial"],
    "switch list": [], "switch off": ["--site", "--reason", "trial"], "switch on": ["--site", "--reason", "trial"],
    "consent list": [], "consent refuse": ["--patient", "M1", "--nurse", "N1"], "consent give": ["--patient", "M1", "--nurse", "N1"],
    "retention show": [], "retention run": [], "retention erase": ["--patient", "M1", "--reason", "asked for"],
    "research agree": ["--patient", "M1", "--basis", "form-1", "--nurse", "N1"], "research consents": [],
    "research withdraw": ["--patient", "M1", "--basis", "form-1", "--nurse", "N1"],
    "research export": ["export", "--purpose", "study", "--key", "key"], "research exports": [], "research withdrawn": [ENTRY],
    "hl7 send": ["absent.hl7", "--to", "localhost:1"], "hl7 parked list": [], "hl7 parked show": [ENTRY], "hl7 parked replay": [],
    "hl7 parked drop": [ENTRY], "hl7 listen": ["--host", "10.0.0.1"], "fhir preview": ["absent.mp4"],
    "watch": ["--to", "127.0.0.1:1"],
    "dicom list": [], "dicom held": [], "dicom resolve": ["1.2.3", "--again"], "dicom drop": ["1.2.3"],
    "dicom echo": ["127.0.0.1:1"], "dicom send": ["127.0.0.1:1", "absent.dcm"],
}  # fmt: skip
"""With the arguments that each needs. What acts on an installation makes none either."""
MAKING = {"assess", "token make", "run", "serve", "up", "push", "models fetch", "fhir package", "dicom listen"}
"""What is meant to write; the lab's commands all are."""


OF_A_DATABASE = (
    "migrate", "audit", "outbox", "sources", "status", "census show", "census confirm", "retract", "switch", "consent", "hl7 parked",
    "retention erase", "research",
    "dicom list", "dicom held", "dicom resolve", "dicom drop",
)  # fmt: skip
"""Where they need an installation's database: they say that it is not there."""


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
    if command.startswith(OF_A_DATABASE):
        assert done.code == 4
        assert "mistyped" in done.err
