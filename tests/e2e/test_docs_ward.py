"""The tutorial of an operator: services, an admission, a camera, the first Observation in the sandbox, as its page has it."""

from __future__ import annotations

import pytest

from tests.conftest import reachable
from tests.face_models import fetched
from tests.support.docs import follow
from wince.local import maven

pytestmark = [
    pytest.mark.slow,
    pytest.mark.peer,
    pytest.mark.skipif(bool(maven.available()), reason=maven.available() or "Kafka can be started"),
]


def test_the_first_ward_comes_up_and_writes_an_observation() -> None:
    fetched()
    with reachable() as folder:
        follow("docs/tutorials/first-ward.md", folder)
