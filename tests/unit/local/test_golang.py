"""Peers in Go: built once, by the Go of the development environment, from what go.mod and go.sum pin."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from wince.errors import ResourceError
from wince.local import golang, peer_cache

BUILD = """
import sys
from pathlib import Path
from wince.local import golang, peer_cache

golang.SOURCES = Path(sys.argv[1])
golang.made("hello")
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of peers with one, `hello`, that needs no other module; the cache is empty."""
    hello = tmp_path / "sources" / "hello"
    (hello / "cmd" / "hello").mkdir(parents=True)
    (hello / "go.mod").write_text("module wince.example/hello\n\ngo 1.26.0\n\ntool wince.example/hello/cmd/hello\n")
    (hello / "cmd" / "hello" / "main.go").write_text('package main\n\nvar version = "unset"\n\nfunc main() { print(version) }\n')
    (hello / "ldflags").write_text("-X main.version=v7\n")
    monkeypatch.setattr(golang, "SOURCES", hello.parent)
    monkeypatch.setenv("WINCE_PEERS_DIR", str(tmp_path / "cache"))
    return hello


def test_a_tool_is_built_with_its_flags_and_only_once(sources: Path) -> None:
    folder = golang.made("hello")
    assert subprocess.run([folder / "hello"], capture_output=True, text=True, check=True).stderr == "v7"
    before = (folder / "hello").stat().st_mtime_ns
    assert golang.made("hello") == folder
    assert (folder / "hello").stat().st_mtime_ns == before
    (sources / "ldflags").write_text("-X main.version=v8\n")
    assert golang.made("hello") != folder


def test_a_build_that_fails_says_why_and_leaves_nothing(sources: Path, tmp_path: Path) -> None:
    (sources / "cmd" / "hello" / "main.go").write_text("package main\n\nfunc main() { nothing() }\n")
    with pytest.raises(ResourceError, match="undefined: nothing") as failed:
        golang.made("hello")
    assert failed.value.remedy
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".making-go.lock"]


def test_a_build_ends_with_the_process_that_wanted_it(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 leaves no build that goes on, and no half-made folder once the next process has made it."""
    waits = tmp_path / "bin" / "go"
    waits.parent.mkdir()
    waits.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 300\n")
    waits.chmod(0o755)
    wanted = f"{BUILD.replace('golang.made', f'golang.program = lambda: {str(waits)!r}; golang.made')}"
    process = subprocess.Popen([sys.executable, "-c", wanted, str(sources.parent)])
    written = tmp_path / "pid"
    deadline = time.monotonic() + 60
    while not (written.is_file() and written.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    build = int(written.read_text())
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    while psutil.pid_exists(build) and psutil.Process(build).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert list((tmp_path / "cache").glob(".making-go-*"))
    folder = golang.made("hello")
    assert sorted(path.name for path in folder.parent.iterdir()) == [".making-go.lock", folder.name]


def test_the_versions_that_programs_call_themselves_are_those_of_their_modules() -> None:
    """Kubernetes and Helm get their version from the linker: without it the API server is v0.0.0, and a chart's kubeVersion refuses it."""
    for name, module in (("kube", "k8s.io/kubernetes"), ("helm3", "helm.sh/helm/v3"), ("helm4", "helm.sh/helm/v4")):
        folder = peer_cache.SOURCES / name
        pinned = re.search(rf"\b{re.escape(module)} (v[\d.]+)", (folder / "go.mod").read_text())
        assert pinned
        said = dict(re.findall(r"-X \S+\.(\w+)=(\S+)", (folder / "ldflags").read_text()))
        assert said.get("gitVersion", said.get("version")) == pinned[1]
        _, client_minor, _ = re.search(r"\bk8s\.io/client-go (?:=> \S+ )?v(0)\.(\d+)\.(\d+)", (folder / "go.mod").read_text()).groups()  # type: ignore[union-attr]
        assert said.get("gitMinor", said.get("k8sVersionMinor", client_minor)) == client_minor
