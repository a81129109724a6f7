"""The images' layers, built once per machine, and what stands in the way of that."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from images import contents, roots
from images.build import Builder
from tests.support import containers


@pytest.fixture(scope="session")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All images as an OCI layout. The first time costs some minutes, and what changed since costs that."""
    if why := roots.why_not() or containers.why_not():
        pytest.skip(why)  # with CI=true a failure: marker peer
    folder = tmp_path_factory.mktemp("images") / "layout"
    command = [sys.executable, "-m", "images.build", "--out", str(folder)]
    done = subprocess.run(command, cwd=contents.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="session")
def root_of(layout: Path) -> Iterator[Callable[[str], list[Path]]]:
    """Folders that make a component's root, topmost first: its layers as they lie in the image."""
    assert layout.is_dir()
    with Builder(tell=lambda _: pytest.fail("a layer is not kept")) as builder:
        yield lambda component: [builder.tree(name) for name in reversed(("os", *contents.layers(component)))]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[containers.Ground]:
    """Where containers run."""
    with containers.Ground(tmp_path / "ground") as made:
        yield made
