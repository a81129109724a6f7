"""Starts TorchServe in its image, over the archives in MODEL_STORE: what `wince lab pack` wrote. Everything listens on loopback: estimate
asks from the same pod. The environment sets what may differ:

    MODEL_STORE  folder of the archives (/var/lib/wince-models/store)     WORKERS    processes per model (1)
    GRPC_PORT    where estimate asks (7070); the next five are taken, too   MEMORY_MB  of the Java heap (512)
    ARCHIVES     which of them, with commas between: those whose hashes were compared. Not set: all. An archive holds code.

What it writes lies below /tmp.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from wince.local.torchserve_config import CONFIG, PORTS, STANDIN, command


def chosen(store: Path, named: str) -> list[str]:
    """Names of the archives in a folder that are to be served: those that are named, with commas between, or all. Raises ValueError, which
    says what is wrong and the remedy."""
    there = sorted(file.name for file in store.glob("*.mar"))
    wanted = sorted(name.strip() for name in named.split(",") if name.strip())
    if lacking := [name for name in wanted if name not in there]:
        raise ValueError(f"{store} lacks {', '.join(lacking)}; remedy: put it there, or take it out of ARCHIVES")
    if not there:
        raise ValueError(f"{store} holds no archive; remedy: mount the folder that `wince lab pack` wrote, or set MODEL_STORE")
    return wanted or there


def main() -> None:
    """Become TorchServe. Ends with 3 where there is nothing to serve."""
    store = Path(os.environ.get("MODEL_STORE", "/var/lib/wince-models/store"))
    try:
        archives = chosen(store, os.environ.get("ARCHIVES", ""))
    except ValueError as error:
        print(f"torchserve: {error}", file=sys.stderr)
        sys.exit(3)
    first = int(os.environ.get("GRPC_PORT", "7070"))
    names = ("grpc", *(name for name in PORTS if name != "grpc"))
    ports = {name: first + number for number, name in enumerate(names)}
    folder = Path("/tmp/torchserve")  # noqa: S108 - a mount of this container alone
    for one in (folder, folder / "tmp", folder / "logs"):
        one.mkdir(mode=0o700, exist_ok=True)
    config = folder / "config.properties"
    workers = int(os.environ.get("WORKERS", "1"))
    config.write_text(CONFIG.format(**ports, store=store, load=",".join(archives), workers=workers, queue=64, response=20))
    os.chdir(folder)
    temp, logs = str(folder / "tmp"), str(folder / "logs")
    environment = {**os.environ, "TMPDIR": temp, "TEMP": temp, "LOG_LOCATION": logs, "METRICS_LOCATION": logs, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(STANDIN)
    site = next(Path(sys.prefix).glob("lib/python3*/site-packages"))
    words = command(Path(sys.executable), site, config, store, folder / "tmp", int(os.environ.get("MEMORY_MB", "512")))
    os.execvpe(words[0], words, environment)  # noqa: S606


if __name__ == "__main__":
    main()
