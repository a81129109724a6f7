"""A service elsewhere is asked at its health port; one that isn't ready, or isn't there, is named."""

import pytest

from wince.rpc import healthy
from wince.serve.checks import health
from wince.serve.checks.finding import State
from wince.serve.probes import Probes
from wince.settings import Settings


@pytest.fixture
def port():
    """Where a service answers that works."""
    probes = Probes("127.0.0.1", 0)
    probes.start()
    probes.ready([""], True)
    yield probes, probes.port
    probes.stop()


def look(address: str):
    ((name, check),) = health.checks([("grade", address)])
    assert name == "service grade"
    (found,) = check(Settings())
    assert found.what == name
    return found


def test_a_service_that_works_is_ok_and_one_that_waits_is_not(port):
    probes, number = port
    assert look(f"127.0.0.1:{number}").state is State.OK
    assert healthy.main([f"127.0.0.1:{number}"]) == 0
    probes.ready([""], False)
    found = look(f"127.0.0.1:{number}")
    assert (found.state, found.found) == (State.MISSING, f"127.0.0.1:{number}: not serving")
    assert healthy.main([f"127.0.0.1:{number}"]) == 1


def test_one_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(health, "WAIT_S", 0.3)
    found = look("127.0.0.1:9")
    assert found.state is State.MISSING
    assert "no answer" in found.found
    assert "health_port" in found.remedy
    assert healthy.main(["127.0.0.1:9"]) == 1
