"""With CI=true a test marked `peer` may not be skipped: the machine can start its peer, so a skip hides a broken setup.
Shared data that is absent is no such case."""

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("peer"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "../shared/data" not in reason:
            report.outcome = "failed"
            report.longrepr = f"CI=true, so this peer must run; {reason}"
    return report
