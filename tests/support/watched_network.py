"""Runs a command on a network where everything that wants to leave the machine is seen: names that are looked up, packets that are sent.

    python -m tests.support.watched_network RESULT UNTIL COMMAND...

In namespaces of its own (`words()` before it): loopback; a resolver that records each name and knows none; a cable to nowhere that counts
packets. The command is ended by SIGTERM some seconds after it printed a line that holds UNTIL (empty: it ends by itself).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support import netns

LINGER_S = 3
"""How long a command goes on that was waited for."""


@dataclass(frozen=True)
class Seen:
    """What a command did."""

    returncode: int
    output: str
    names: tuple[str, ...]
    """Names that were looked up."""
    packets: int
    """That left for elsewhere."""


def why_not() -> str:
    """Why there can be no such network here; empty where there can."""
    return "needs root" if os.geteuid() else netns.why_not()


def watched(command: Sequence[str | Path], environment: dict[str, str], until: str = "") -> Seen:
    """Run `command` with nothing but `environment`."""
    with tempfile.NamedTemporaryFile() as result:
        words = [*netns.private(), "--mount", sys.executable, "-m", "tests.support.watched_network", result.name, until]
        root = Path(__file__).parents[2]
        done = subprocess.run(
            [*words, *map(str, command)], cwd=root, env=environment, capture_output=True, text=True, timeout=280, check=False
        )
        said = result.read()
        assert said, done.stderr
        return Seen(**json.loads(said) | {"output": done.stdout + done.stderr, "returncode": done.returncode})


def main(result: str, until: str, command: Sequence[str]) -> int:
    """Inside the namespaces. Gives the command's exit code."""
    _prepare()
    names: list[str] = []
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    resolver.bind(("127.0.0.1", 53))
    threading.Thread(target=_resolve, args=(resolver, names), daemon=True).start()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if until and until in line:
                time.sleep(LINGER_S)
                process.send_signal(signal.SIGTERM)
                until = ""
    packets = int(Path("/sys/class/net/away/statistics/tx_packets").read_text())
    Path(result).write_text(json.dumps({"names": names, "packets": packets}))
    return process.returncode


def _prepare() -> None:
    def run(*words: str) -> None:
        subprocess.run(words, check=True)

    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "sysfs", "none", "/sys")  # that of this network
    files = {"/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", "/etc/nsswitch.conf": "hosts: files dns\n"}
    for path, text in files.items():
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            os.chmod(file.name, 0o644)
            run("mount", "--bind", file.name, path)
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "away", "type", "veth", "peer", "name", "nowhere")
    for name in ("away", "nowhere"):  # the kernel itself would greet its neighbours
        Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
        run("ip", "link", "set", name, "up")
    run("ip", "address", "add", "192.0.2.2/24", "dev", "away")
    run("ip", "neighbour", "replace", "192.0.2.1", "lladdr", netns.NOWHERE, "dev", "away", "nud", "permanent")
    run("ip", "route", "add", "default", "via", "192.0.2.1", "dev", "away")


def _resolve(resolver: socket.socket, names: list[str]) -> None:
    """Records each question, and answers that there is no such name."""
    while True:
        question, who = resolver.recvfrom(4096)
        labels, place = [], 12
        while length := question[place]:
            labels.append(question[place + 1 : place + 1 + length].decode("ascii", "replace"))
            place += 1 + length
        names.append(".".join(labels))
        resolver.sendto(question[:2] + b"\x81\x83" + question[4:6] + bytes(6) + question[12 : place + 5], who)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
