"""The token file: what a line may say, what is refused, how a change counts."""

import asyncio
import hashlib
import os
import time

import pytest

from wince.domain.reach import EVERYTHING, Bounds
from wince.errors import ConfigError
from wince.rpc import auth, token_file
from wince.rpc.auth import ANYBODY, Callers, allow
from wince.rpc.errors import Forbidden, Unauthenticated
from wince.rpc.rights import RIGHTS
from wince.rpc.roles import Role

CARE = "/wince.api.care.v1.CareService"


def hashed(token: str) -> str:
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def parsed(line: str) -> token_file.Entry:
    (entry,) = token_file.parse(line, "rpc.token_file=/t")
    return entry


def test_what_a_line_says():
    entry = parsed(f"cam-3 camera {hashed('t')} sources=bed-1,bed-2 beds=ICU^1^A,OR%20A^1^%2C wards=PACU until=2027-06-30 # by the door")
    assert (entry.name, entry.roles, entry.id) == ("cam-3", {Role.CAMERA}, hashlib.sha256(b"t").hexdigest()[:8])
    assert entry.bounds == Bounds(frozenset({"bed-1", "bed-2"}), frozenset({"ICU^1^A", "OR A^1^,"}), frozenset({"PACU"}))
    assert entry.until_s == 1814400000, "2027-07-01T00:00Z: the day counts to its end"
    assert parsed(f"a reader {hashed('t')} until=2027-06-30T12:00Z").until_s == 1814356800
    assert parsed("a stage,publish cn:capture.example").certificate == "capture.example"
    assert parsed(f"a reader {hashed('t')}").bounds == parsed(f"a camera {hashed('t')} sources=*").bounds == EVERYTHING


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a reader", "is not `name roles secret`"),
        (f"a! reader {hashed('t')}", "is not `name roles secret`"),
        (f"a chief {hashed('t')}", "unknown role"),
        ("a reader sha256:12", "no sha256"),
        ("a reader k3Vt0m2yZ7s8qLrWb1x9", "usable token"),
        (f"a camera {hashed('t')}", "must name its cameras"),
        (f"a camera,operator {hashed('t')} until=2027-01-01", "must name its cameras"),
        (f"a camera {hashed('t')} sources=", "not known"),
        (f"a camera {hashed('t')} sources=a,,b", "empty or odd"),
        (f"a camera {hashed('t')} sources=a,*", "empty or odd"),
        (f"a camera {hashed('t')} sources=* beds=b", "everything"),
        (f"a camera {hashed('t')} sources=a sources=b", "twice"),
        (f"a reader {hashed('t')} beds=a%00b", "empty or odd"),
        (f"a reader {hashed('t')} colour=red", "not known"),
        (f"a reader {hashed('t')} until=soon", "no date"),
        (f"a reader {hashed('t')} until=2027-06-30T12:00", "no date"),
        (f"a reader {hashed('t')}\nb nurse {hashed('t')}", "secret of line 1"),
    ],
)
def test_what_is_wrong_with_a_line_is_named_without_its_secret(line: str, words: str):
    with pytest.raises(ConfigError) as caught:
        list(token_file.parse(line, "rpc.token_file=/t"))
    assert words in caught.value.message
    assert caught.value.field.startswith("rpc.token_file=/t line ")
    assert "k3Vt0m2yZ7s8qLrWb1x9" not in caught.value.diagnostics()
    assert caught.value.remedy


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Writes the file, and asks who has a token."""
    monkeypatch.setattr(auth, "LOOK_S", 0.0)
    file = tmp_path / "tokens"

    class Asked:
        path = file
        callers: Callers

        def write(self, text: str, stamp: int) -> None:
            file.write_text(text)
            file.chmod(0o600)
            os.utime(file, (stamp, stamp))

        def of(self, *headers: str) -> auth.Caller:
            self.callers.look()  # a change counts when two looks have seen it
            return asyncio.run(self.callers.of(headers, []))

    asked = Asked()
    asked.write(f"a reader {hashed('first-token')}\n", 1)
    asked.callers = Callers(file)
    return asked


def test_a_changed_file_counts_and_a_broken_one_leaves_what_was(ask):
    assert ask.of("Bearer first-token").name == "a"
    ask.write(f"b nurse,reader {hashed('second-token')} until=2999-01-01\n", 2)
    assert ask.of("bearer second-token").roles == {Role.NURSE, Role.READER}
    for headers in (["Bearer first-token"], [], ["Bearer second-token"] * 2, ["Basic second-token"], ["Bearer " + "x" * 9000]):
        with pytest.raises(Unauthenticated):
            ask.of(*headers)
    version = ask.callers.version
    for broken in ("broken", "", f"b nurse {hashed('second-token')} until=never"):
        ask.write(broken, 3 + len(broken))
        assert ask.of("Bearer second-token").name == "b"
    ask.path.unlink()
    assert ask.of("Bearer second-token").name == "b"
    assert ask.callers.version == version
    ask.write(f"c reader {hashed('third-token')}", 99)
    assert ask.of("Bearer third-token").name == "c", "mended, it counts again"


def test_a_half_written_file_is_not_read(tmp_path, monkeypatch):
    """A change counts only when it has stood from one look to the next."""
    monkeypatch.setattr(auth, "LOOK_S", 0.0)
    file = tmp_path / "tokens"
    file.write_text(f"a reader {hashed('t')}\nb reader {hashed('u')}\n")
    file.chmod(0o600)
    callers = Callers(file)
    before = callers.version
    for size in range(5):
        file.write_text(f"a reader {hashed('t')}\n" + "#" * size)
        callers.look()
        assert callers.version == before
    callers.look()
    assert callers.version == before + 1


def test_a_token_ends_with_its_time(ask):
    ask.write(f"a reader {hashed('old')} until=2020-01-01\nb reader {hashed('new')} until=2999-01-01\n", 2)
    with pytest.raises(Unauthenticated, match="time is over"):
        ask.of("Bearer old")
    found = ask.of("Bearer new")
    assert found.until_s is not None
    assert found.until_s > time.time()


def test_a_method_that_nobody_named_is_nobodys():
    with pytest.raises(Forbidden):
        allow(ANYBODY, "/wince.api.Some/Other", RIGHTS.get("/wince.api.Some/Other"))
    allow(ANYBODY, f"{CARE}/GiveVerdict", RIGHTS[f"{CARE}/GiveVerdict"])
