"""kill -9 of processes of a running installation, a few rounds; `make chaos ROUNDS=200` plays many."""

from __future__ import annotations

import pytest

from tests.conftest import reachable
from tests.e2e import chaos
from tests.face_models import fetched
from wince.local import maven

pytestmark = [
    pytest.mark.peer,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(maven.available()), reason=maven.available() or "Kafka can be started"),
]


def test_nothing_is_lost_or_doubled_whoever_dies():
    """Grade, record and Kafka's broker: whose state, whose transaction, whose log is the road's memory; and `wince up` itself, each once
    (the third round kills two). The others: `make chaos`."""
    fetched()
    with reachable() as directory:
        result = chaos.run(directory, 3, 1, victims=("grade", "record", "kafka", "supervisor"), beds=3)
    print(result.detail())
    assert (result.rounds, result.lost, result.doubled, result.verified) == (3, 0, 0, True), result.detail()


@pytest.mark.long
@pytest.mark.timeout(0)
def test_fifty_rounds_whoever_dies():
    """Every process, `wince up` itself among them, two at once in every third round."""
    fetched()
    with reachable() as directory:
        result = chaos.run(directory, 50, 2)
    print(f"{result.detail()}\n{result.line()}")
    assert result.rounds == 50
    assert result.good, result.detail()
