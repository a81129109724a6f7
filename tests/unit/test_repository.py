"""What holds for the repository as a whole: the lock, the stubs, the wheel, the size of files, what no file may hold."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import wince.errors
from wince.api.errors.v1 import errors_pb2
from wince.api.record.v1 import record_pb2
from wince.domain.entry import Kind

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@cache
def tracked() -> tuple[Path, ...]:
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for path in (ROOT / name for name in listed.split("\0") if name) if path.is_file())


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of every tracked text file."""
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:4096]:
            yield path.relative_to(ROOT).as_posix(), data.decode("utf-8", "replace")


def found(pattern: str) -> list[str]:
    return [f"{name}: {match[0]}" for name, text in texts() for match in re.finditer(pattern, text)]


def test_no_file_names_a_package_registry() -> None:
    hosts = [
        ("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"), ("registry", "yarnpkg", "com"), ("repo1", "maven", "org"),
        ("repo", "maven", "apache", "org"), ("static", "crates", "io"), ("index", "crates", "io"), ("proxy", "golang", "org"),
        ("deb", "debian", "org"),
    ]  # fmt: skip
    assert found("|".join(re.escape(".".join(host)) for host in hosts)) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert found(r"(?<![\w.$}/-])/(?:work|root|Users)/[\w.]+|(?<![\w.$}/-])/home/[\w.]+|/tmp/[a-z]+/[\w.]+\.(?:txt|md)\b") == []


def test_no_file_holds_both_sides_of_a_merge() -> None:
    assert found(r"(?m)^(?:<{7}|>{7}) .*$") == []


def test_source_files_stay_short_enough_to_read() -> None:
    """One file, one reason to change. What is generated, or a standard's own file, is not counted."""
    sources = [path for path in tracked() if path.suffix in {".py", ".proto", ".toml", ".sql", ".sh", ".tpl"} or path.name == "Makefile"]
    generated = (ROOT / "services/wince/api", ROOT / "wince.example.toml", ROOT / "protos/buf", ROOT / "protos/google")
    written = [path for path in sources if not any(path.is_relative_to(made) for made in generated)]
    long = {path.relative_to(ROOT).as_posix(): lines for path in written if (lines := len(path.read_text().splitlines())) > 350}
    assert long == {}


def test_the_architecture_shows_every_layer_in_its_order() -> None:
    table = (ROOT / "ARCHITECTURE.md").read_text().split("## Layers", 1)[1].split("```")[1]
    shown = [name for line in table.splitlines() for name in re.findall(r"\w+", re.split(r" {2,}(?=\w)", line.strip(" |"))[0])]
    rows = [row.replace("wince.", "").split(" | ") for row in PYPROJECT["tool"]["importlinter"]["contracts"][0]["layers"]]
    assert sorted(shown) == sorted(name for row in rows for name in row)
    place = {name: number for number, row in enumerate(rows) for name in row}
    assert shown == sorted(shown, key=place.__getitem__)


def test_the_stubs_are_what_the_protos_say(tmp_path: Path) -> None:
    """A diff here: run `make proto` and commit services/wince/api."""
    subprocess.run([sys.executable, ROOT / "protos/generate.py", "--out", tmp_path], check=True)

    def tree(root: Path) -> dict[str, str]:
        return {p.relative_to(root).as_posix(): p.read_text() for p in root.rglob("*") if p.suffix in {".py", ".pyi"}}

    fresh, committed = tree(tmp_path / "wince/api"), tree(ROOT / "services/wince/api")
    assert sorted(fresh) == sorted(committed)
    assert [name for name in fresh if fresh[name] != committed[name]] == []


def test_error_reasons_mirror_the_error_tree() -> None:
    def codes(kind: type[wince.errors.WinceError]) -> set[str]:
        return {kind.code}.union(*(codes(child) for child in kind.__subclasses__() if child.__module__ == "wince.errors"))

    names = {name.removeprefix("ERROR_REASON_").lower() for name in errors_pb2.ErrorReason.keys()}  # noqa: SIM118 - a protobuf enum
    assert names - {"unspecified"} == codes(wince.errors.WinceError)


def test_kinds_of_entries_mirror_the_domain() -> None:
    names = {name.removeprefix("ENTRY_KIND_").lower() for name in record_pb2.EntryKind.keys()}  # noqa: SIM118 - a protobuf enum
    assert names - {"unspecified"} == set(Kind)


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    """Stubs, protocols, migrations, clips: what is read at run time must travel."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path], cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = {name for name in wheel.namelist() if name.startswith("wince/")}
        entry_points = wheel.read(next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))).decode()
    source = ROOT / "services"
    wanted = {path.relative_to(source).as_posix() for path in tracked() if path.is_relative_to(source / "wince")}
    assert wanted <= held
    for ending in ("_pb2.py", "_pb2_grpc.py", ".toml", ".sql", ".html", ".css", ".svg"):
        assert any(name.endswith(ending) for name in held), ending
    assert "wince = wince.cli.main:main" in entry_points


LOCKED_EXTRAS = ("imaging", "anchors")
"""Extras that a hospital installs: each has a lock of its own."""


def locked(name: str) -> dict[str, set[str]]:
    """Versions of every package in a lock; more than one where they differ by platform or Python."""
    versions: dict[str, set[str]] = {}
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        if match := re.match(r"([\w.-]+)==([^\s;]+)", line):
            versions.setdefault(canonicalize_name(match[1]), set()).add(match[2])
    return versions


def unmet(requirements: list[str], lock: dict[str, set[str]]) -> list[str]:
    parsed = [Requirement(text) for text in requirements]
    return [
        str(need)
        for need in parsed
        if canonicalize_name(need.name) != "wince"
        and not any(need.specifier.contains(version) for version in lock.get(canonicalize_name(need.name), ()))
    ]


def test_the_locks_answer_pyproject() -> None:
    """What is named here was added to pyproject.toml after the last `make lock`."""
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    base, dev = locked("base.txt"), locked("dev.txt")
    assert unmet(project["dependencies"] + extras["embedded"], base) == []
    assert unmet(project["dependencies"] + [need for extra in ("embedded", "lab", "dev") for need in extras[extra]], dev) == []
    for extra in LOCKED_EXTRAS:
        lock = locked(f"{extra}.txt")
        assert unmet(project["dependencies"] + extras["embedded"] + extras[extra], lock) == []
        assert {name: versions for name, versions in lock.items() if dev.get(name) != versions} == {}, "the suite tests these versions"
        assert {name: versions for name, versions in base.items() if lock.get(name) != versions} == {}, "it goes on top of the base"
    assert {name: versions for name, versions in base.items() if dev.get(name) != versions} == {}
    assert unmet(PYPROJECT["build-system"]["requires"], base) == [], "make run builds without an index"


@pytest.mark.parametrize("name", ["base.txt", "dev.txt", *(f"{extra}.txt" for extra in LOCKED_EXTRAS)])
def test_every_locked_file_is_held_by_its_hash(name: str) -> None:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    entries = [number for number, line in enumerate(lines) if "==" in line and not line.startswith(" ")]
    assert all("--hash=sha256:" in lines[number + 1] for number in entries)
    assert len(entries) > 40


TRAINING = {"torch", "torchvision", "tensorflow", "jax", "keras", "triton", "mediapipe"}


def test_the_base_install_holds_no_training_framework() -> None:
    base = locked("base.txt")
    assert not TRAINING & set(base)
    assert not [name for name in base if name.startswith("nvidia")]


def test_the_command_line_imports_no_training_framework() -> None:
    script = "import sys, wince.cli.main; wince.cli.main.build(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert "wince.cli.main" in loaded
    assert not TRAINING & set(loaded)


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_readme_names_targets_that_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^\s*make ([a-z-]+)", readme, re.MULTILINE)
    assert commands[:2] == ["run", "test"], "the two commands come first"
    assert set(re.findall(r"`make ([a-z-]+)", readme)) | set(commands) <= targets()


def test_make_help_lists_the_agreed_targets() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert set(re.findall(r"make ([a-z]+)", shown)) >= {"help", "run", "test", "check", "lint", "types", "proto", "bench", "clean"}


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_without_root_missing_system_packages_are_named(tmp_path: Path, ci: str, status: int) -> None:
    """And nothing is installed: the tests that need them are skipped, which CI does not allow."""
    for name, body in {"id": "echo 1000", "dpkg-query": "exit 1", "apt-get": f"touch {tmp_path}/installed"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CI": ci}
    done = subprocess.run([ROOT / "requirements/apt.sh"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "apt-get install libegl1" in done.stderr
    assert not (tmp_path / "installed").exists()


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 failed")])
def test_in_ci_a_peer_may_not_be_skipped(tmp_path: Path, ci: str, outcome: str) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    peer: x\n")
    (tmp_path / "test_it.py").write_text("import pytest\n\n@pytest.mark.peer\ndef test_it():\n    pytest.skip('no java')\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path]
    done = subprocess.run(command, env=os.environ | {"CI": ci}, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert outcome in done.stdout
