"""How many cores this process may use: a container sees all of its machine's, but may use some only."""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
"""In a container: its own limits, of cgroup v2 or v1."""


def cores(cgroup: Path = CGROUP) -> int:
    """At least 1. The fewest that the scheduler, taskset or a cgroup's CPU limit leaves; of a limit such as 1.5 the next whole number."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(affinity, math.ceil(_limit(cgroup) or affinity)))


def _limit(cgroup: Path) -> float | None:
    """CPUs that the cgroup may use; None: no limit."""
    said = _words(cgroup / "cpu.max") or [*_words(cgroup / "cpu" / "cpu.cfs_quota_us"), *_words(cgroup / "cpu" / "cpu.cfs_period_us")]
    try:
        quota, period = (int(word) for word in said)
    except ValueError:  # "max", or no such file
        return None
    return quota / period if quota > 0 and period > 0 else None


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
