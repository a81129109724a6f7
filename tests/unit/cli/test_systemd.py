"""The systemd units: what runs by a timer is a command that there is, as closed in as the services."""

import shlex
from configparser import ConfigParser
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[3] / "services" / "systemd"
TIMED = ("wince-retention", "wince-verify")
OWN = {
    "Type",
    "ExecStart",
    "EnvironmentFile",
    "Restart",
    "RestartSec",
    "RestartSteps",
    "RestartMaxDelaySec",
    "KillSignal",
    "TimeoutStopSec",
}


def unit(name: str) -> ConfigParser:
    found = ConfigParser(strict=False, interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read(UNITS / name)
    return found


@pytest.mark.parametrize("name", TIMED)
def test_a_timer_starts_a_command_that_there_is(name, wince):
    timer, service = unit(f"{name}.timer"), unit(f"{name}.service")
    assert timer["Timer"]["Persistent"] == "true", "a machine that slept makes up for it"
    assert timer["Install"]["WantedBy"] == "timers.target"
    program, *words = shlex.split(service["Service"]["ExecStart"])
    assert program == "/usr/bin/wince"
    assert wince(*words, "--help").code == 0


@pytest.mark.parametrize("name", TIMED)
def test_it_is_as_closed_in_as_a_service(name):
    service, timed = unit("wince@.service")["Service"], unit(f"{name}.service")["Service"]
    assert {key: value for key, value in timed.items() if key not in OWN} == {
        key: value for key, value in service.items() if key not in OWN
    }
