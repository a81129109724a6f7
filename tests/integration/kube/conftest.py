"""The session's cluster. All files of this folder run on one worker (`SHARED` in tests/conftest.py), so that it starts once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kube.cluster import Cluster
from tests.support.kube.tools import HELMS, Helm, tool


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    tool("kube", "kube-apiserver")
    with Cluster(Path(tmp_path_factory.mktemp("cluster"))) as up:
        yield up


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A fresh one, with the restricted profile enforced."""
    with cluster.namespace() as name:
        yield name


@pytest.fixture(params=HELMS)
def helm(request: pytest.FixtureRequest, cluster: Cluster) -> Helm:
    return cluster.helm(request.param)
