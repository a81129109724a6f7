"""The first 2,000 cases of every kind of `make fuzz`."""

import pytest

from tests.fuzz import runner


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("name", runner.NAMES)
def test_whatever_comes_is_answered_or_refused_by_name(name: str, part: int) -> None:
    assert runner.run(name, range(part * 500, part * 500 + 500)) == []
