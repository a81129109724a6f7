"""Every value set, by Helm 4; test_helms.py says that Helm 3 makes the same of each."""

import pytest

from tests.unit.chart import rendered


@pytest.fixture(params=rendered.SETS)
def made(request: pytest.FixtureRequest) -> tuple[rendered.Manifest, ...]:
    """What a value set renders to."""
    return rendered.manifests("helm4", request.param)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They need Helm, which is built once from Go modules."""
    for item in items:
        if "tests/unit/chart/" in item.path.as_posix() and item.path.name != "test_made.py":
            item.add_marker(pytest.mark.peer)
            item.add_marker(pytest.mark.kube)
