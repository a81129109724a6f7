"""The Helm chart: how long a render takes under each major of Helm, beside a chart with one ConfigMap; and how long an operator waits for
install, upgrade, rollback and uninstall at a real API server, whose nodes are fake (their pods are ready at once)."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import Unmeasurable
from tests.integration.kube.test_releases import WAIT, Release
from tests.support.kube.cluster import Cluster
from tests.support.kube.tools import HELMS, Helm
from tests.unit.chart.rendered import CHART, values_file
from wince.errors import WinceError
from wince.local import golang

ROUNDS = 7
SETS = ("minimal", "high-availability")
BARE = {
    "Chart.yaml": "apiVersion: v2\nname: bare\nversion: 0.1.0\n",
    "templates/one.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n",
}


def run() -> dict[str, Any]:
    """What stands above. Medians of seven renders; each step of the life cycle once."""
    try:
        for peer in (*HELMS, "kube"):
            golang.made(peer)
    except WinceError as error:
        raise Unmeasurable(error.diagnostics()) from None
    rows = []
    with tempfile.TemporaryDirectory(prefix="wince-bench-") as directory:
        folder = Path(directory)
        for name, text in BARE.items():
            file = folder / "bare" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        for major in HELMS:
            helm = Helm(major, folder)
            floor = _median_ms(lambda helm=helm: helm.run("template", "w", folder / "bare"))  # type: ignore[misc]
            for name in SETS:
                ours = _median_ms(lambda helm=helm, name=name: helm.run("template", "w", CHART, "--values", values_file(name)))  # type: ignore[misc]
                rows.append(_row(f"render, {name}, {major}", ours, "ms", "a chart with one ConfigMap", floor))
        with Cluster(folder) as cluster:
            for major in HELMS:
                with cluster.namespace() as namespace:
                    rows += _life(Release(cluster.helm(major), cluster, namespace, values_file("minimal")), major)
    return {"title": "Helm chart", "rows": rows}


def _life(release: Release, major: str) -> list[dict[str, Any]]:
    release.give_secrets()
    steps: dict[str, Callable[[], object]] = {
        "install": lambda: release.run("install", *WAIT),
        "upgrade": lambda: release.run("upgrade", *WAIT, "--set", "settings.log_level=info"),
        "rollback": lambda: release.also("rollback", "ward", "1", *WAIT),
        "uninstall": lambda: release.also("uninstall", "ward", *WAIT),
    }
    return [_row(f"{name} at fake nodes, {major}", _seconds(step), "s", "", None) for name, step in steps.items()]


def _row(figure: str, ours: float, unit: str, rival_name: str, rival: float | None) -> dict[str, Any]:
    ratio = None if rival is None else rival / ours
    return {"figure": figure, "ours": ours, "rival_name": rival_name, "rival": rival, "ratio": ratio, "aim": None, "unit": unit}


def _seconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def _median_ms(step: Callable[[], object]) -> float:
    step()
    return 1000 * statistics.median(_seconds(step) for _ in range(ROUNDS))
