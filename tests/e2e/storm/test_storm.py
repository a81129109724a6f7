"""The ADT storm: whatever the feed, the cameras and the clock do, the record says at the end what the hospital knows."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from .machine import Storm


def _blow(postgres_dsn: str, count: int, steps: int, *, fixed: bool) -> None:
    machine = type("Storm", (Storm,), {"template_dsn": postgres_dsn})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=count,
            stateful_step_count=steps,
            deadline=None,
            derandomize=fixed,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_sequences(postgres_dsn: str) -> None:
    """WINCE_STORM: how many instead; then drawn afresh."""
    count = int(os.environ.get("WINCE_STORM") or 0)
    _blow(postgres_dsn, count or 50, 40, fixed=not count)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_five_hundred_sequences(postgres_dsn: str) -> None:
    _blow(postgres_dsn, int(os.environ.get("WINCE_STORM") or 500), 50, fixed=False)
