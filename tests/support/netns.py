"""Machines that a cable joins: network namespaces on this one, where it lets us. Frames of a cut cable vanish; nobody is told."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from types import TracebackType
from typing import Self

NOWHERE = "02:00:00:00:00:01"
"""A hardware address that no interface has: who sends there is not told that nobody listens."""


def why_not() -> str:
    """Why there can be no namespaces here; empty where there can."""
    missing = [name for name in ("unshare", "nsenter", "ip") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found; install util-linux and iproute2"
    check = "ip link set lo up && ip link add one type veth peer name other"
    done = subprocess.run([*private(), "sh", "-c", check], capture_output=True, text=True, check=False)
    return f"no network namespaces here: {done.stderr.strip()}" if done.returncode else ""


def private() -> list[str]:
    """Words before a command that give it a network of its own in which it may do everything; root's or, where allowed, anybody's."""
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


def holder() -> subprocess.Popen[bytes]:
    """A process in a new network, which lives as long as somebody is in it; `cat` ends with us, whose pipe it reads."""
    process = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b".")  # it answers from inside
    process.stdin.flush()
    process.stdout.read(1)
    return process


class Cables:
    """`count` machines, each joined by a cable of its own with each other and with us. Only inside `private()`."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._holders: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        _ip((), "link", "set", "lo", "up")
        for _ in range(self._count):
            self._holders.append(holder())
        _ip((), "address", "add", f"{self.address(-1)}/32", "dev", "lo")
        for one in range(self._count):
            inside = self.inside(one)
            _ip(inside, "link", "set", "lo", "up")
            _ip(inside, "address", "add", f"{self.address(one)}/32", "dev", "lo")
            for other in range(-1, one):
                self._lay(one, other)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for holder in self._holders:
            holder.kill()
            holder.wait()

    def address(self, machine: int) -> str:
        """Of a machine; -1: of us."""
        return f"10.213.0.{machine + 10}"

    def inside(self, machine: int) -> Sequence[str]:
        """Words before a command that is to run on a machine; -1: on ours."""
        return () if machine < 0 else ("nsenter", f"--net=/proc/{self._holders[machine].pid}/ns/net")

    def cut(self, machine: int) -> None:
        """The machine and the other machines reach each other no more; we still reach all of them."""
        for other in range(self._count):
            if other != machine:
                for here, there in ((machine, other), (other, machine)):
                    to = ("neighbour", "replace", self.address(there), "lladdr", NOWHERE, "dev", f"to{there}", "nud", "permanent")
                    _ip(self.inside(here), *to)

    def mend(self, machine: int) -> None:
        """As before `cut`."""
        for other in range(self._count):
            if other != machine:
                for here, there in ((machine, other), (other, machine)):
                    _ip(self.inside(here), "neighbour", "delete", self.address(there), "dev", f"to{there}")

    def _lay(self, one: int, other: int) -> None:
        """A cable; its ends are named by where they lead."""
        far = str(self._holders[other].pid) if other >= 0 else str(os.getpid())
        _ip(self.inside(one), "link", "add", _end(other), "type", "veth", "peer", "name", _end(one), "netns", far)
        for here, there in ((one, other), (other, one)):
            _ip(self.inside(here), "link", "set", _end(there), "up")
            _ip(self.inside(here), "route", "add", self.address(there), "dev", _end(there), "src", self.address(here))


def _end(there: int) -> str:
    return f"to{there}" if there >= 0 else "tous"


def _ip(inside: Sequence[str], *words: str) -> None:
    done = subprocess.run([*inside, "ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"
