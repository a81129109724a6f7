"""What the commands share."""

import getpass

import pytest

from wince.cli import common


@pytest.mark.parametrize("error", [KeyError("getpwuid(): uid not found: 1000650000"), OSError("No username set in the environment")])
def test_a_user_without_a_name_can_still_switch_off(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """In a container that runs under a bare number there is no name: the kill switch, and every other command, works all the same."""

    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert common.user() == "unknown"
