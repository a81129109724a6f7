"""The short part of `make chaos-ehr`: some hundred writes by three replicas into an EHR that spoils a fifth of all requests."""

import pytest

from tests.e2e import ehr_chaos


@pytest.mark.slow
def test_an_ehr_with_every_fault_loses_and_doubles_nothing() -> None:
    result = ehr_chaos.run(256, kill_every_s=4.0, limit_s=240.0)
    assert result.writes >= 256
    assert (result.lost, result.doubled, result.out_of_order) == (0, 0, 0), result.line()
    names = {"drop", "reset", "truncated", "slow", "commit_then_timeout", "commit_then_drop", "garbled", "expired", "429", "500", "503"}
    assert set(result.struck) == names
    assert sum(result.struck.values()) > 50
    assert result.killed > 0
