"""What an operator's tools see of a `wince up`: its services' pages; Prometheus over them, with the rules and the dashboard's queries."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from wince.local.ports import QUIET
from wince.rpc.ports import PORTS
from wince.serve.process import SERVICES

ROOT = Path(__file__).parents[2]
FILES = ROOT / "charts" / "wince" / "files"
ALERTS = re.findall(r"^ {6}- alert: (\w+)$", (FILES / "alerts.yaml").read_text(), re.M)
EXTRA = {"le", "job", "instance", "namespace"}


def base() -> int:
    """A port behind which as many are free as there are services."""
    for first in random.sample(QUIET, len(QUIET)):
        with suppress(OSError):
            for port in range(first, first + len(PORTS)):
                socket.create_server(("127.0.0.1", port)).close()
            return first
    raise AssertionError("no ports are free")


def scraped(first: int) -> dict[str, dict[str, set[frozenset[str]]]]:
    """Service -> metric -> the label names with which it stands on the page; a metric without a sample yet has none."""
    found = {}
    for service in SERVICES:
        text = urllib.request.urlopen(f"http://127.0.0.1:{first + list(PORTS).index(service)}/metrics", timeout=30).read().decode()
        page: dict[str, set[frozenset[str]]] = defaultdict(set)
        for family in text_string_to_metric_families(text):
            name = family.name + ("_total" if family.type == "counter" else "")
            page[name].update(frozenset(one.labels) - EXTRA for one in family.samples if not one.name.endswith("_created"))
        found[service] = page
    return found


def described() -> dict[str, tuple[set[str], set[str]]]:
    """Metric -> labels, services, as docs/reference/metrics.md says."""
    rows = re.findall(r"^\| `(wince_\w+)` \| \w+ \| ([\w, ]*?) ?\| ([\w, ]+?) \|", (ROOT / "docs/reference/metrics.md").read_text(), re.M)
    return {name: ({one for one in labels.split(", ") if one.strip()}, set(where.split(", "))) for name, labels, where in rows}


def check_pages(first: int) -> None:
    """Every metric that a rule or panel names stands on the page of each service that the reference names, with its labels."""
    pages, known = scraped(first), described()
    used = set(re.findall(r"wince_\w+", (FILES / "alerts.yaml").read_text()))
    used |= {name for query in queries() for name in re.findall(r"wince_\w+", query)}
    names = {name if name in known else re.sub(r"_(bucket|sum|count)$", "", name) for name in used}
    assert len(names) > 50
    for name in sorted(names & known.keys()):
        labels, where = known[name]
        for service in SERVICES if where == {"all"} else where - {"imaging"}:
            assert name in pages[service], f"{name} is not on the page of {service}"
            assert pages[service][name] <= {frozenset(labels)}, (name, pages[service][name])


def queries() -> list[str]:
    """The dashboard's, as Grafana would send them for every namespace."""
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    said = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [query.replace("$__rate_interval", "1m").replace("$namespace", ".*") for query in said]


class Prometheus:
    """Prometheus itself over the services of one machine, every second. A context manager."""

    def __init__(self, folder: Path, first: int) -> None:
        program = shutil.which("prometheus")
        if program is None:
            assert not os.environ.get("CI"), "prometheus is not installed: apt install prometheus"
            pytest.skip("prometheus is not installed: apt install prometheus")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self._port = taken.getsockname()[1]
        targets = [f"127.0.0.1:{first + list(PORTS).index(service)}" for service in SERVICES]
        scrape = [{"job_name": "wince", "scrape_interval": "1s", "static_configs": [{"targets": targets}]}]
        settings = {"global": {"evaluation_interval": "1s"}, "rule_files": [str(FILES / "alerts.yaml")], "scrape_configs": scrape}
        folder.mkdir()
        (folder / "prometheus.yml").write_text(json.dumps(settings))  # JSON is YAML
        self._command = [
            program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}", "--log.level=error",
        ]  # fmt: skip

    def __enter__(self) -> Prometheus:
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)

    def get(self, path: str, **query: str) -> dict:
        """An answer of its API; empty while it starts."""
        assert self._process.poll() is None
        try:
            address = f"http://127.0.0.1:{self._port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
            return json.loads(urllib.request.urlopen(address, timeout=30).read())["data"]
        except OSError:
            return {}

    def asked(self, query: str) -> list[dict]:
        """The result of a query. Raises HTTPError where it is none."""
        return self.get("query", query=query).get("result", [])

    def settle(self) -> None:
        """Every service was scraped often enough for a rate, and every rule was evaluated."""
        deadline = time.monotonic() + 90
        while len(self.asked("count_over_time(wince_ready[1m]) >= 4")) < len(SERVICES) or {rule["health"] for rule in self.rules()} != {
            "ok"
        }:
            assert time.monotonic() < deadline, self.get("targets")
            time.sleep(0.3)

    def rules(self) -> list[dict]:
        """As it holds them."""
        return [rule for group in self.get("rules").get("groups", ()) for rule in group["rules"]]
