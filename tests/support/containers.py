"""Runs what a container would run, without a container engine: a command with its environment, mounts, user, a read-only root and a
network address of its own, as a process of this machine. For compose.yaml, for a chart's manifests, for the images' own roots.

    with Ground(tmp_path) as ground:
        ground.lend("kafka", 9092, ("127.0.0.1", peer_port))      # a name that containers know, for something that runs here
        record = ground.run(Container("record", ["wince", "serve", "record"], {"WINCE_SITE": "here"}, {"/etc/wince": folder}))
        channel = grpc.insecure_channel(f"{record.address}:7420")

Needs root, on Linux. All that was mounted, and every address, is gone with the processes.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.support import netns

USER = "10001:10001"
VENV = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
_START = """
PATH_INSIDE=$PATH PATH=/usr/sbin:/usr/bin:/sbin:/bin
at=$1 work=$2 lower=$3 user=$4; shift 4
mount -t tmpfs -o mode=0755 tmpfs "$work"
mkdir "$work/upper" "$work/work"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$work/upper,workdir=$work/work" "$at"
mkdir -p "$at/proc" "$at/dev" "$at/etc" "$at/tmp"
mount -t proc proc "$at/proc"
mount -t tmpfs -o mode=0755 tmpfs "$at/dev"
for name in null zero full random urandom; do touch "$at/dev/$name"; mount --bind "/dev/$name" "$at/dev/$name"; done
mkdir -m 1777 "$at/dev/shm"; mount -t tmpfs -o mode=1777 tmpfs "$at/dev/shm"
while [ "$1" != -- ]; do
  kind=$1 outside=$2 inside=$at$3; shift 3
  if [ "$kind" = reach ]; then chmod o+x "$inside"; continue; fi
  if [ -L "$inside" ]; then rm "$inside"; fi
  if [ "$kind" = empty ]; then
    mkdir -p "$inside"
    mount -t tmpfs -o mode=0700,uid="${user%%:*}",gid="${user##*:}" tmpfs "$inside"
    continue
  fi
  if [ -d "$outside" ]; then mkdir -p "$inside"; else mkdir -p "$(dirname "$inside")"; [ -e "$inside" ] || touch "$inside"; fi
  mount --bind "$outside" "$inside"
  if [ "$kind" = read ]; then mount -o remount,bind,ro "$inside"; fi
done
shift
mount -o remount,ro "$at"
PATH=$PATH_INSIDE
unset PATH_INSIDE
exec /usr/bin/setpriv --no-new-privs /usr/sbin/chroot --userspec="$user" --groups= "$at" "$@"
"""


@dataclass(frozen=True)
class Container:
    """What is run."""

    name: str
    """Also the name by which others reach it."""
    command: Sequence[str]
    """Entrypoint and arguments. Where `root` is empty, `wince` is this environment's."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All that it gets, but PATH where it sets none."""
    mounts: Mapping[str, Path] = field(default_factory=dict)
    """Files and folders of this machine by their place inside; they can't be written there."""
    volumes: Mapping[str, Path] = field(default_factory=dict)
    """Folders of this machine by their place inside; they can be written, and outlive the process."""
    empty: Sequence[str] = ("/tmp",)
    """Places of new folders that its user alone may write, gone with the process."""
    user: str = USER
    root: Sequence[Path] = ()
    """Folders that make its root, topmost first; none: this machine's own root, as it is."""


class Running:
    """A process that was started."""

    def __init__(self, container: Container, process: subprocess.Popen[bytes], address: str, log: Path) -> None:
        self.container, self.process, self.address, self.log = container, process, address, log

    def said(self) -> str:
        """What it wrote to both streams."""
        return self.log.read_text("utf-8", "replace")

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM, then wait as a container engine does; its exit status (128 + 9 where it had to be killed)."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return 137


def why_not() -> str:
    """Why nothing can be run so here; empty where it can."""
    if os.geteuid() != 0:
        return "mounts and network namespaces need root"
    missing = [name for name in ("unshare", "nsenter", "setpriv", "chroot", "ip") if shutil.which(name) is None]
    return f"{', '.join(missing)} not found" if missing else netns.why_not()


class Ground:
    """A bridge with an address for each container, and the names that they know."""

    def __init__(self, folder: Path) -> None:
        """`folder`: for logs; made where it is not there."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._net = f"10.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}"
        self._bridge = f"wb{os.getpid() % 10**8}"
        self.names: dict[str, str] = {}
        """Address by name. A name that is added is known to containers that start later."""
        self.running: list[Running] = []
        self._holders: dict[str, subprocess.Popen[bytes]] = {}
        self._lent: list[socket.socket] = []

    def __enter__(self) -> Self:
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("address", "add", f"{self.here}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        return self

    def __exit__(self, *_: object) -> None:
        for one in reversed(self.running):
            one.stop()
        for holder in self._holders.values():
            holder.kill()
            holder.wait()
        for listening in self._lent:
            listening.close()
        _ip("link", "delete", self._bridge)

    @property
    def here(self) -> str:
        """This machine's address, as containers see it."""
        return f"{self._net}.1"

    def lend(self, name: str, port: int, target: tuple[str, int], pair: tuple[Path, Path] | None = None) -> None:
        """Have containers reach by `name:port` what listens here at `target`. `pair`: certificate and key; with them by TLS."""
        tls = None
        if pair is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*pair)
        listening = socket.create_server((self.here, port))
        self._lent.append(listening)
        self.names[name] = self.here
        threading.Thread(target=_forward, args=(listening, target, tls), daemon=True).start()

    def address(self, name: str) -> str:
        """Of a container, started or not."""
        if name not in self._holders:
            number = len(self._holders) + 2
            holder = self._holders[name] = netns.holder()
            end = f"{self._bridge[2:]}v{number}"
            _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
            _ip("link", "set", end, "master", self._bridge, "up")
            for words in (
                ("address", "add", f"{self._net}.{number}/24", "dev", "eth0"),
                ("link", "set", "eth0", "up"),
                ("link", "set", "lo", "up"),
                ("route", "add", "default", "via", self.here),
            ):
                _ip(*words, inside=self._inside(name))
            self.names[name] = f"{self._net}.{number}"
        return self.names[name]

    def start(self, container: Container, *, beside: str = "") -> Running:
        """Start it; doesn't wait for anything. `beside`: the container whose network it shares, as in one pod."""
        address = self.address(beside or container.name)
        place = self.folder / f"{container.name}-{len(self.running)}"
        for part in ("at", "work"):
            (place / part).mkdir(parents=True)
        hosts = place / "hosts"
        lines = [f"{where}\t{name}" for name, where in self.names.items()]
        hosts.write_text("\n".join(["127.0.0.1\tlocalhost", *lines, ""]))
        (place / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        words = ["read", str(hosts), "/etc/hosts", "read", str(place / "resolv.conf"), "/etc/resolv.conf"]
        for where in container.empty:
            words += ["empty", "-", where]
        if not container.root:  # a clone or a Python below an emptied place, such as /tmp, would be hidden by it
            hidden = [one for one in (ROOT, Path(sys.base_prefix)) if any(one.is_relative_to(where) for where in container.empty)]
            words += [word for one in hidden for word in ("read", str(one), str(one))]
        for kind, given in (("write", container.volumes), ("read", container.mounts)):
            for where in sorted(given):
                words += [kind, str(given[where].resolve()), where]
        if not container.root:  # a Python or a clone that lies in root's home is anybody's here, in this overlay alone
            for part in (*reversed(Path(sys.base_prefix).parents[:-1]), *reversed(ROOT.parents[:-1]), ROOT):
                words += ["reach", "-", str(part)]
        lower = ":".join(map(str, container.root)) or "/"
        command = [
            *self._inside(beside or container.name),
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-eu",
            "-c",
            _START,
            "sh",
        ]
        command += [str(place / "at"), str(place / "work"), lower, container.user, *words, "--", *container.command]
        usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = {"PATH": usual if container.root else f"{VENV}:{usual}", **container.environment}
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.running.append(Running(container, process, address, place / "log"))
        return self.running[-1]

    def run(self, container: Container, seconds: float = 120) -> Running:
        """Start it and wait until it has ended: a job."""
        done = self.start(container)
        done.process.wait(seconds)
        return done

    def _inside(self, name: str) -> list[str]:
        return ["nsenter", f"--net=/proc/{self._holders[name].pid}/ns/net"]


def _forward(listening: socket.socket, target: tuple[str, int], tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):  # closed
        while True:
            near, _ = listening.accept()
            try:
                near = tls.wrap_socket(near, server_side=True) if tls else near
                far = socket.create_connection(target, 10)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _ip(*words: str, inside: Sequence[str] = ()) -> None:
    done = subprocess.run([*inside, "ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"
