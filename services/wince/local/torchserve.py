"""Starts TorchServe on this machine: java itself, not the launcher script, which leaves java alive when it is ended and reports success
where it could not bind. Everything of an instance (logs, unpacked models, sockets) lies in its own folder; loopback and free ports only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wince.errors import ConfigError
from wince.local.interface import LocalServer
from wince.local.ports import free_ports
from wince.local.server_process import ServerProcess
from wince.local.torchserve_config import CONFIG, PORTS, STANDIN, command
from wince.serving.client import OipClient

PROBE = """\
import importlib.util as u
ts = u.find_spec("ts")
print(ts.submodule_search_locations[0] if ts else "")
print(u.find_spec("torch") is not None)
"""
STOP_S = 20.0
"""How long it may finish what is in flight."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A TorchServe that can be started."""

    python: Path
    """Of the environment that holds torchserve, OpenVINO, numpy, simplejpeg."""
    site: Path
    """Its site-packages."""
    torch: bool
    """Whether torch is there too; without it the worker gets a stand-in for the one name that it uses."""


def installed(python: Path | None = None) -> Installed:
    """What `python` (None: this interpreter) holds. Raises ConfigError with the remedy where Java or TorchServe is missing."""
    remedy = "make serving (or: a virtual environment with requirements/serving.txt), and name its python in WINCE_SERVING__PYTHON"
    if shutil.which("java") is None:
        raise ConfigError("java is not found", field="PATH", remedy="install a Java runtime, 17 or later")
    try:
        command = [str(python or sys.executable), "-c", PROBE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        raise ConfigError("can't be run", field=f"serving.python={python}", remedy=remedy) from None
    ts, torch = done.stdout.splitlines()
    if not ts:
        raise ConfigError("TorchServe is not installed there", field=f"serving.python={python}", remedy=remedy)
    return Installed(Path(command[0]), Path(ts).parent, torch == "True")


class TorchServe(LocalServer):
    """One TorchServe over one or more archives, as a process of its own."""

    def __init__(
        self,
        archives: Sequence[Path],
        folder: Path,
        *,
        python: Path | None = None,
        queue: int = 64,
        workers: int = 1,
        response_s: int = 20,
        memory_mb: int = 512,
    ) -> None:
        """archives: what pack wrote, all in one folder. folder: for logs and unpacked models, twice their size. queue: requests that may
        wait; the rest is refused. response_s: time without an answer after which a worker counts as dead. Raises ConfigError as
        `installed` does."""
        stores = {archive.resolve().parent for archive in archives}
        if len(stores) != 1:
            raise ConfigError("archives must lie in one folder", field="archives", remedy="pack them into the same one")
        self._store = stores.pop()
        self._archives, self._folder = [archive.name for archive in archives], folder.resolve()
        self._installed = installed(python)
        self._queue, self._workers, self._response_s, self._memory_mb = queue, workers, response_s, memory_mb
        self._process = ServerProcess("TorchServe", self._folder / "torchserve.log")
        self._ports: dict[str, int] = {}
        self.target = ""
        """host:port of the Open Inference Protocol; empty before `start`."""
        self.metrics_url = ""
        """Prometheus metrics of TorchServe itself."""

    @property
    def log(self) -> Path:
        """What the process says."""
        return self._process.log

    @property
    def pid(self) -> int | None:
        """Of java; None where it does not run."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether java runs; of the models `ready.check` knows."""
        return self.pid is not None

    def start(self, wait_s: float = 120.0) -> str:
        """Start and wait until it answers; gives `target`, the same when it is started again. Whether the models are there,
        `ready.check` says. Raises ResourceError."""
        self.stop()
        temp = self._folder / "tmp"
        for folder in (temp, self._folder / "logs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ports = self._ports = self._ports or dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        config = self._folder / "config.properties"
        config.write_text(
            CONFIG.format(
                **ports,
                store=self._store,
                load=",".join(self._archives),
                workers=self._workers,
                queue=self._queue,
                response=self._response_s,
            )
        )
        self.target = f"127.0.0.1:{ports['grpc']}"
        self.metrics_url = f"http://127.0.0.1:{ports['metrics']}/metrics"
        self._process.spawn(self._command(config, temp), folder=self._folder, environment=self._environment(temp))
        with OipClient(self.target) as client:
            self._process.await_answer(lambda: client.live(1.0), wait_s)
        return self.target

    def ensure(self) -> bool:
        """Start it again, at its address, where it has died; True where it had. Raises ResourceError."""
        if self.alive:
            return False
        self.start()
        return True

    def stop(self) -> None:
        """End it: what is in flight is finished, then the workers. Idempotent."""
        self._process.stop(STOP_S)

    def _command(self, config: Path, temp: Path) -> list[str]:
        return command(self._installed.python, self._installed.site, config, self._store, temp, self._memory_mb)

    def _environment(self, temp: Path) -> dict[str, str]:
        """Nothing of Wince's own (its secrets) goes to the server."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WINCE_", "PYTHON", "TS_"))}
        here = {"TMPDIR": temp, "TEMP": temp, "LOG_LOCATION": self._folder / "logs", "METRICS_LOCATION": self._folder / "logs"}
        path = {} if self._installed.torch else {"PYTHONPATH": str(STANDIN)}
        return kept | {name: str(value) for name, value in here.items()} | path | {"OMP_NUM_THREADS": "1"}
