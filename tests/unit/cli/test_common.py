"""What the commands share."""

import os
import pwd

import pytest

from wince.cli import common


def test_a_user_without_a_name_can_still_switch_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container that runs under a bare number there is no name: the kill switch, and every other command, works all the same."""

    def nobody(number: int) -> pwd.struct_passwd:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert common.user() == f"uid {os.getuid()}"
    assert common.author("n-17") == f"n-17 (user uid {os.getuid()})"


def test_the_environment_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """LOGNAME and USER are free text."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    me = pwd.getpwuid(os.getuid()).pw_name
    assert common.user() == common.author() == common.author(me) == me
    assert common.author("somebody-else") == f"somebody-else (user {me})"
