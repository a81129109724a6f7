"""The programs, built once from Go modules: Helm 3 and 4, kubectl, the control plane."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from wince.errors import WinceError
from wince.local import golang

HELMS = ("helm4", "helm3")
"""Folders of peers; the majors that the chart is for."""
LIMIT_S = 240


@cache
def _made(name: str) -> Path | str:
    """The folder, or why there is none: asked once, since every test asks."""
    try:
        return golang.made(name)
    except WinceError as error:
        return error.message


def peer_folder(peer: str, what: str) -> Path:
    """What `golang.made` gives; the test is skipped, saying why, where it can't be had. With CI=true that fails (marker `peer`)."""
    folder = _made(peer)
    if isinstance(folder, str):
        pytest.skip(f"{what} can't be had: {folder}")
    return folder


def tool(peer: str, program: str) -> Path:
    """A program of a peer; skips like `peer_folder`."""
    return peer_folder(peer, program) / program


class Helm:
    """One major of Helm, with files of its own; `kubeconfig` is for what asks a cluster."""

    def __init__(self, peer: str, folder: Path, kubeconfig: Path | None = None) -> None:
        self.name, self._program = peer, tool(peer, "helm")
        own = {f"HELM_{kind}_HOME": str(folder / f"{peer}-{kind.lower()}") for kind in ("CACHE", "CONFIG", "DATA")}
        self._environment = {**os.environ, **own, "KUBECONFIG": str(kubeconfig or os.devnull)}

    def run(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command. Raises AssertionError with what it said where it fails and `check` is set."""
        return ran([self._program, *arguments], self._environment, check=check)


def ran(
    command: list[str | Path], environment: Mapping[str, str], *, check: bool = True, given: str = "", limit_s: float = LIMIT_S
) -> subprocess.CompletedProcess[str]:
    """A command that read `given`. Raises AssertionError with what it said where it fails and `check` is set."""
    words = [str(word) for word in command]
    done = subprocess.run(words, env=dict(environment), input=given, capture_output=True, text=True, timeout=limit_s, check=False)
    if check:
        assert done.returncode == 0, f"{Path(words[0]).name} {' '.join(words[1:])}: {done.stderr[-3000:]}{done.stdout[-1500:]}"
    return done
