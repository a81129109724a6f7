"""One receiver of each kind, started once."""

from collections.abc import Iterator

import pytest

from tests.contract.targets.kinds import KINDS, Receiver


@pytest.fixture(scope="module", params=KINDS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with KINDS[request.param](tmp_path_factory.mktemp(request.param)) as started:
        yield started


@pytest.fixture
def receiver(running: Receiver) -> Receiver:
    """It refuses nothing, whatever the test before made it do."""
    running.refuse(all_of_it=False)
    return running
