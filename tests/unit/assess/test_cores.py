"""A container sees all cores of its machine and may use some."""

import os
from pathlib import Path

import pytest

from wince.assess.cores import cores

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("cpu.max", "max 100000\n", ALL),
        ("cpu.max", "100000 100000\n", 1),
        ("cpu.max", "10000 100000\n", 1),
        ("cpu.max", "150000 100000\n", min(2, ALL)),
        ("cpu.max", f"{ALL * 400000} 100000\n", ALL),
        ("cpu.max", "", ALL),
        ("none", "", ALL),
    ],
)
def test_the_cgroups_limit_counts(tmp_path: Path, file: str, text: str, found: int) -> None:
    (tmp_path / file).write_text(text)
    assert cores(tmp_path) == found


@pytest.mark.parametrize(("quota", "found"), [("-1", ALL), ("100000", 1)])
def test_that_of_cgroup_v1_too(tmp_path: Path, quota: str, found: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert cores(tmp_path) == found
