"""Making, revoking and sealing tokens."""

import asyncio
import os
import stat
import threading

import pytest

from wince.domain.reach import Bounds
from wince.errors import ConfigError, ResourceError
from wince.rpc import auth, token_edit, token_file
from wince.rpc.auth import Callers
from wince.rpc.errors import Unauthenticated
from wince.rpc.roles import Role


def test_a_token_is_shown_once_and_the_file_holds_its_hash(tmp_path):
    file = tmp_path / "tokens"
    token = token_edit.make(file, "cam-3", "camera", [("sources", ["bed-1"]), ("beds", ["ICU^1^A", "OR A^1^,"])], "2999-01-01")
    assert token.startswith("wince_")
    assert len(token) > 40
    assert token not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    who = asyncio.run(Callers(file).of([f"Bearer {token}"], []))
    assert (who.name, who.roles) == ("cam-3", {Role.CAMERA})
    assert who.bounds == Bounds(frozenset({"bed-1"}), frozenset({"ICU^1^A", "OR A^1^,"}))
    (line,) = file.read_text().splitlines()
    with pytest.raises(Unauthenticated):  # what was found in the file lets nobody in
        asyncio.run(Callers(file).of([f"Bearer {line.split()[2]}"], []))


def test_comments_owner_and_mode_stay(tmp_path):
    file = tmp_path / "tokens"
    file.write_text("# ours\n\na reader cn:a.example   # the wall\n")
    file.chmod(0o640)
    token_edit.make(file, "b", "nurse", [], "")
    token_edit.make(file, "b", "nurse", [], "", certificate="b.example")
    assert file.read_text().startswith("# ours\n\na reader cn:a.example   # the wall\nb  nurse  sha256:")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["tokens"]
    assert [one.id for one in token_edit.revoke(file, "cn:b.example", "anna")] == ["cn:b.example"]
    assert [one.name for one in token_file.load(file)] == ["a", "b"]
    assert len(token_edit.revoke(file, "b", "anna")) == 1
    with pytest.raises(ConfigError, match="names no caller"):
        token_edit.revoke(file, "b", "anna")
    assert file.read_text().count("revoked") == 2


def test_the_last_caller_can_be_revoked(tmp_path, monkeypatch):
    monkeypatch.setattr(auth, "LOOK_S", 0.0)
    file = tmp_path / "tokens"
    token = token_edit.make(file, "a", "reader", [], "")
    callers = Callers(file)
    assert asyncio.run(callers.of([f"Bearer {token}"], [])).name == "a"
    token_edit.revoke(file, "a", "anna")
    callers.look()
    with pytest.raises(Unauthenticated):
        asyncio.run(callers.of([f"Bearer {token}"], []))


def test_what_can_not_be_used_changes_nothing(tmp_path):
    file = tmp_path / "tokens"
    for name, roles, bounds, until in (
        ("a b", "reader", [], ""),
        ("a", "chief", [], ""),
        ("a", "camera", [], ""),
        ("a", "reader", [], "soon"),
        ("a", "reader", [("beds", ["x\0"])], ""),
        ("a", "camera", [("sources", ["*", "b"])], ""),
    ):
        with pytest.raises(ConfigError):
            token_edit.make(file, name, roles, bounds, until)
        assert not file.exists()
    with pytest.raises(ResourceError):
        token_edit.make(tmp_path / "none" / "tokens", "a", "reader", [], "")
    file.write_text("broken")
    with pytest.raises(ConfigError):
        token_edit.make(file, "a", "reader", [], "")
    assert file.read_text() == "broken"


def test_a_file_of_before_is_sealed_and_its_tokens_stay(tmp_path):
    file = tmp_path / "tokens"
    before = "# ours\nconsole reader,operator k3Vt0m2yZ7s8qLrWb1x9  # wall\nx reader cn:x.example\nreader-x reader readerreader-reader\n"
    file.write_text(before)
    file.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        Callers(file)
    assert f"wince token seal --file {file}" in caught.value.remedy
    assert token_edit.seal(file) == 2
    assert token_edit.seal(file) == 0
    assert "k3Vt0m2yZ7s8qLrWb1x9" not in file.read_text()
    assert "# wall\n" in file.read_text()
    callers = Callers(file)
    assert asyncio.run(callers.of(["Bearer k3Vt0m2yZ7s8qLrWb1x9"], [])).name == "console"
    assert asyncio.run(callers.of(["Bearer readerreader-reader"], [])).name == "reader-x"
    file.write_text("a reader short\n")
    with pytest.raises(ConfigError, match="shorter"):
        token_edit.seal(file)


def test_two_at_once_lose_nothing(tmp_path):
    file = tmp_path / "tokens"
    threads = [threading.Thread(target=token_edit.make, args=(file, f"a{n}", "reader", [], "")) for n in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {one.name for one in token_file.load(file)} == {f"a{n}" for n in range(12)}
