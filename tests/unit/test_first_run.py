"""`make run` where the home can't be written: `requirements/run.sh` says where things lie instead."""

import subprocess
from pathlib import Path

from tests.e2e.first_run import CASES, LAST_LINE

RUN = Path(__file__).resolve().parents[2] / "requirements" / "run.sh"


def places(folder: Path, **environment: str) -> tuple[dict[str, str], str]:
    """What the command that is started finds set, and what a person is told."""
    done = subprocess.run([RUN, "env"], cwd=folder, env={"PATH": "/usr/bin:/bin"} | environment, capture_output=True, text=True, check=True)
    found = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    return {name: value for name, value in found.items() if name.startswith("WINCE_")}, done.stderr


def test_a_home_that_can_be_written_is_left_to_the_defaults(tmp_path: Path) -> None:
    assert places(tmp_path, HOME=str(tmp_path / "not" / "there" / "yet")) == ({}, "")
    assert places(tmp_path, HOME="/dev/null/home", XDG_STATE_HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path)) == ({}, "")


def test_where_it_can_not_be_written_var_below_the_clone_is_used_and_said(tmp_path: Path) -> None:
    folder = tmp_path / "Haus für alle"
    folder.mkdir()
    found, said = places(folder, HOME="/dev/null/home")
    assert found == {"WINCE_STATE_DIR": f"{folder}/var/state", "WINCE_MODELS_DIR": f"{folder}/var/models"}
    assert all(f"{name}={value}" in said for name, value in found.items())


def test_what_is_set_stays(tmp_path: Path) -> None:
    """A file of settings may name folders, too."""
    assert places(tmp_path, HOME="/dev/null/home", WINCE_CONFIG="/etc/wince.toml")[0] == {"WINCE_CONFIG": "/etc/wince.toml"}
    found, _ = places(tmp_path, HOME="/dev/null/home", WINCE_STATE_DIR="/srv/wince")
    assert found == {"WINCE_STATE_DIR": "/srv/wince", "WINCE_MODELS_DIR": f"{tmp_path}/var/models"}


def test_the_long_check_knows_the_last_line_and_odd_places() -> None:
    """`make first-run`: it counts a run as whole by its last line, as README shows it."""
    readme = (RUN.parents[1] / "README.md").read_text()
    assert any(LAST_LINE.fullmatch(line) for line in readme.splitlines())
    assert any(" " in case.folder and not case.folder.isascii() for case in CASES.values())
