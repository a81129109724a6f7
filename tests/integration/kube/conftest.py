"""The session's cluster. All files of this folder run on one worker (`SHARED` in tests/conftest.py), so that it starts once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.kube.cluster import Cluster
from tests.support.kube.crds import definitions
from tests.support.kube.tools import tool


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    tool("kube", "kube-apiserver")
    with Cluster(Path(tmp_path_factory.mktemp("cluster"))) as up:
        yield up


@pytest.fixture(scope="session")
def operators(cluster: Cluster) -> Cluster:
    """The same cluster, which knows the custom resources that the chart may make; nobody acts on them."""
    cluster.define(definitions())
    return cluster


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A fresh one, with the restricted profile enforced."""
    with cluster.namespace() as name:
        yield name
