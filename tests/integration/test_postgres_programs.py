"""PostgreSQL's programs below a folder that only root can enter, such as root's home: they are copied, and they run."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from wince.errors import ResourceError, StoreError
from wince.local.postgres import account as accounts
from wince.local.postgres import installed
from wince.local.postgres.account import server_account
from wince.local.postgres.opened import open_database
from wince.local.postgres.programs import Programs

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where copies go, in place of /var/lib/wince."""
    with tempfile.TemporaryDirectory(prefix="wince-test-", dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        monkeypatch.setattr(accounts, "SHARED", (Path(name) / "shared",))
        yield Path(name) / "shared"


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel installed below a folder of mode 0700, by somebody whose umask let nobody else read."""
    ours, home = installed.installed(), tmp_path / "home"
    home.mkdir(mode=0o700)
    packages = home / "lib" / "site-packages"
    shutil.copytree(ours, packages / ours.parent.name / ours.name, symlinks=True)
    shutil.copytree(ours.parent.parent / installed.LIBRARIES, packages / installed.LIBRARIES)
    subprocess.run(["chmod", "-R", "go-rwx", packages], check=True)
    monkeypatch.setattr(installed, "installed", lambda: packages / ours.parent.name / ours.name)
    return home


def test_a_first_start_below_a_private_folder(private: Path, shared: Path) -> None:
    """Programs and cluster both lie where the server's account can reach them, with the libraries that initdb needs."""
    before = os.umask(0o077)
    try:
        with open_database(None, private / "state" / "postgres") as opened, opened.database.transaction() as tx:
            assert tx.execute("SELECT count(*) FROM audit").fetchone() == (0,)
    finally:
        os.umask(before)
    (copy,) = shared.glob(f"{installed.PREFIX}*")
    assert (copy / installed.LIBRARIES).is_dir()
    assert (private / "state" / "postgres" / "location").read_text().startswith(str(shared))


def test_one_copy_is_kept_and_made_again_where_it_does_not_run(private: Path, shared: Path) -> None:
    """As a start that was killed left it, or an earlier Wince whose copy had no libraries; what nobody runs goes."""
    account = server_account()
    earlier = shared / f"{installed.PREFIX}earlier"
    earlier.mkdir(parents=True)
    folder = installed.binaries(account)
    assert not earlier.exists()
    made = (folder / "postgres").stat().st_ino
    assert installed.binaries(account) == folder
    assert (folder / "postgres").stat().st_ino == made
    shutil.rmtree(folder.parents[2] / installed.LIBRARIES)
    (shared / ".new-killed").mkdir()
    assert installed.trouble(folder, account)
    assert installed.binaries(account) == folder
    assert not installed.trouble(folder, account)
    assert [one.name for one in shared.iterdir() if one.name.startswith(".new")] == []


def test_looking_where_they_are_copies_nothing(private: Path, shared: Path) -> None:
    """As `wince doctor` does."""
    account = server_account()
    assert "the first start copies them" in installed.describe(account)
    assert not shared.exists()
    folder = installed.binaries(account)
    assert installed.describe(account) == str(folder)


def test_a_copy_that_a_server_runs_from_stays(private: Path, shared: Path) -> None:
    other = shared / f"{installed.PREFIX}other"
    other.mkdir(parents=True)
    shutil.copy("/bin/sleep", other / "postgres")
    with subprocess.Popen([other / "postgres", "60"]) as running:
        installed.binaries(server_account())
        assert other.exists()
        running.kill()


def test_where_no_copy_runs_it_is_said_why(private: Path, shared: Path) -> None:
    """In the program's own words, with what to do."""
    shutil.rmtree(installed.installed().parent.parent / installed.LIBRARIES)
    with pytest.raises(ResourceError, match="loading shared libraries: libpq") as caught:
        installed.binaries(server_account())
    assert "WINCE_PG_DSN" in caught.value.remedy


def test_initdb_fails_in_its_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And names no log that isn't there."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "initdb").write_text("#!/bin/sh\necho initdb: the moon is full\nexit 1\n")
    (tmp_path / "bin" / "initdb").chmod(0o755)
    monkeypatch.setattr("wince.local.postgres.server.binaries", lambda _account: tmp_path / "bin")
    monkeypatch.setattr(accounts.Account, "options", lambda _: {})
    with pytest.raises(StoreError, match="the moon is full") as caught:
        open_database(None, tmp_path / "state" / "postgres")
    assert "server.log" not in caught.value.remedy


def test_root_that_may_not_change_user_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose root has no other user."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(subprocess, "Popen", refused)
    with pytest.raises(ResourceError, match="root can't start") as caught:
        Programs(tmp_path, server_account()).run("initdb")
    assert "normal user" in caught.value.remedy
