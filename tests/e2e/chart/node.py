"""A node without a cluster: each pod gets a network and a root of its own, its volumes, its probes, and its end, as kubelet does it.

Only inside `tests.support.netns.private()`, as root. What it does not do: schedule, restart, limit memory, enforce NetworkPolicies.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.e2e.chart import inside
from tests.e2e.chart.manifests import Container, Pod, Probe, Release

HERE = "10.214.0.1"
"""The node's own address, where what is no pod listens."""
STATE_S = 60.0


def lay() -> None:
    """The node's network, which pods are joined to."""
    _ip("link", "set", "lo", "up")
    _ip("link", "add", "pods", "type", "bridge")
    _ip("address", "add", f"{HERE}/24", "dev", "pods")
    _ip("link", "set", "pods", "up")


@dataclass
class Running:
    """A pod that was started."""

    pod: Pod
    address: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    """By container: what holds its namespaces; the container's own process is its child."""
    logs: dict[str, Path] = field(default_factory=dict)

    def ended(self) -> dict[str, int]:
        """Exit codes of the containers that ended."""
        return {name: code for name, process in self.processes.items() if (code := process.poll()) is not None}

    def said(self) -> str:
        """What its containers logged, for whoever has to find out."""
        return "\n".join(f"== {self.pod.name}/{name}\n{log.read_text()[-3000:]}" for name, log in self.logs.items())


class Node:
    """Runs the pods of one release."""

    def __init__(
        self, directory: Path, release: Release, *, names: Mapping[str, str], programs: Iterable[Path], path: str, models: Path
    ) -> None:
        """directory: reachable by every user. names: further host names and their addresses. programs: folders that stand for
        the image's. path: PATH of the image. models: folder of the face models in the image."""
        self._directory, self._release, self._names = directory, release, dict(names)
        self._programs, self._path, self._models = [str(one) for one in programs], path, models
        self._numbers = itertools.count(10)
        self._addresses: dict[str, str] = {}
        self.running: dict[str, Running] = {}

    def place(self, pods: Iterable[Pod]) -> None:
        """Give each pod its address, so that all names are known before the first starts."""
        for pod in pods:
            self._addresses[pod.name] = f"10.214.0.{next(self._numbers)}"

    def resolve(self, port: str) -> tuple[str, int]:
        """Where the Service that has this named port leads: to the pod that it selects."""
        found = [one for one in self._release.services() if port in one.ports] or self._release.services()
        for service in found:
            for pod in self._release.pods().values():
                named = {name: number for container in pod.containers for name, number in container.ports.items()}
                if port in named and service.selector.items() <= pod.labels.items():
                    return self._addresses[pod.name], named[port]
        raise AssertionError(f"no Service leads to {port}")

    def hosts(self, namespace: str = "default") -> str:
        """What cluster DNS would answer, as /etc/hosts. A Service without a pod has no line."""
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in self._names.items())]
        pods = self._release.pods().values()
        for service in self._release.services():
            for pod in pods:
                if pod.name in self._addresses and service.selector.items() <= pod.labels.items():
                    full = [f"{service.name}{end}" for end in ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.cluster.local")]
                    lines.append(f"{self._addresses[pod.name]} {' '.join(full)}")
        return "\n".join(lines) + "\n"

    def start(self, pod: Pod) -> Running:
        """Init containers to their end, then the containers; returns before they are ready."""
        made = Running(pod, self._addresses[pod.name])
        self.running[pod.name] = made
        for container in pod.init:
            assert self._launch(made, container).wait(STATE_S * 5) == 0, made.said()
        for container in pod.containers:
            made.processes[container.name] = self._launch(made, container)
        return made

    def complete(self, pod: Pod, seconds: float = 120.0) -> None:
        """Run a Job's pod to its end. Fails where it fails."""
        self.place([pod])
        made = self.start(pod)
        for process in made.processes.values():
            assert process.wait(seconds) == 0, made.said()
        del self.running[pod.name]

    def ready(self, made: Running, seconds: float = 240.0) -> float:
        """Wait until the startup and the readiness probe of every container are answered; seconds since now. Fails as kubelet would: after
        the startup probe's last try, or where a container ends."""
        began = time.monotonic()
        for container in made.pod.containers:
            for kind in ("startup", "readiness"):
                probe = container.probes[kind]
                allowed = min(seconds, probe.period_s * probe.failures) if kind == "startup" else seconds
                deadline = time.monotonic() + allowed
                while not self.probe(made, probe):
                    assert not made.ended(), (made.ended(), made.said())
                    assert time.monotonic() < deadline, (f"{kind} of {container.name} after {allowed} s", made.said())
                    time.sleep(0.25)
        return time.monotonic() - began

    def probe(self, made: Running, probe: Probe) -> bool:
        """Whether the pod answers SERVING, without TLS, as kubelet asks."""
        with grpc.insecure_channel(f"{made.address}:{probe.port}") as channel, suppress(grpc.RpcError):
            asked = health_pb2.HealthCheckRequest(service=probe.service)
            answer = health_pb2_grpc.HealthStub(channel).Check(asked, timeout=probe.timeout_s)
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
        return False

    def stop(self, made: Running) -> dict[str, int]:
        """preStop, SIGTERM to each container's process, SIGKILL after the grace period. Exit codes; -9 where it had to be killed."""
        began = time.monotonic()
        time.sleep(max((one.pre_stop_s for one in made.pod.containers), default=0.0))
        for process in made.processes.values():
            for child in _children(process.pid):
                os.kill(child, signal.SIGTERM)
        codes = {}
        for name, process in made.processes.items():
            try:
                codes[name] = process.wait(max(1.0, made.pod.grace_s - (time.monotonic() - began)))
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = -9
                process.wait()
        self.running.pop(made.pod.name, None)
        return codes

    def disk(self, pod: Pod) -> Path:
        """Where the volumes lie that outlive the pod."""
        (claim,) = pod.claims
        return self._volume(pod, claim)

    def end(self) -> None:
        """Kill whatever runs."""
        for made in self.running.values():
            for process in made.processes.values():
                process.kill()
                process.wait()

    def _launch(self, made: Running, container: Container) -> subprocess.Popen[bytes]:
        folder = self._directory / made.pod.name / container.name
        (folder / "root").mkdir(parents=True)
        plan = {
            "root": str(folder / "root"),
            "hosts": self.hosts() + f"{made.address} {made.pod.name}-0\n",
            "dns": "",
            "programs": self._programs,
            "mounts": self._mounts(made.pod, container),
            "read_only_root": container.read_only_root,
            "uid": made.pod.uid,
            "gid": made.pod.gid,
            "fs_group": made.pod.fs_group,
            "words": container.words,
            "environment": {"PATH": self._path, "HOME": "/", "HOSTNAME": f"{made.pod.name}-0", **container.environment},
        }
        file = folder / "plan.json"
        file.write_text(json.dumps(plan))
        made.logs[container.name] = folder / "log"
        words = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", sys.executable, inside.__file__, str(file)]
        if first := next(iter(made.processes.values()), None):  # containers of a pod share its network
            words = ["nsenter", f"--net=/proc/{first.pid}/ns/net", *[word for word in words if word != "--net"]]
        with made.logs[container.name].open("wb") as log:
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=log, stderr=log)
        if first is None:
            self._cable(made, process.pid)
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()
        return process

    def _cable(self, made: Running, pid: int) -> None:
        ours = os.stat("/proc/self/ns/net").st_ino
        deadline = time.monotonic() + STATE_S
        while os.stat(f"/proc/{pid}/ns/net").st_ino == ours:  # it has not unshared yet
            assert time.monotonic() < deadline
            time.sleep(0.01)
        end = f"pod{made.address.rpartition('.')[2]}"
        _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        _ip("link", "set", end, "master", "pods", "up")
        inside_it = ("nsenter", f"--net=/proc/{pid}/ns/net", "ip")
        _run(*inside_it, "link", "set", "lo", "up")
        _run(*inside_it, "address", "add", f"{made.address}/24", "dev", "eth0")
        _run(*inside_it, "link", "set", "eth0", "up")

    def _mounts(self, pod: Pod, container: Container) -> list[tuple[str, str, bool]]:
        found = [(str(self._models), "/var/lib/wince-models", True)]
        for mount in container.mounts:
            source = self._volume(pod, mount.volume)
            if mount.sub_path:
                source = source / mount.sub_path
                assert source.exists(), f"{pod.name}: {mount.volume} has no {mount.sub_path}"
            found = [one for one in found if one[1] != mount.path]
            found.append((str(source), mount.path, mount.read_only))
        return found

    def _volume(self, pod: Pod, name: str) -> Path:
        """A volume on this machine, made when it is first asked for."""
        folder = self._directory / pod.name / "volumes" / name
        if folder.exists():
            return folder
        folder.mkdir(parents=True)
        if name in pod.claims:
            return _owned(folder, pod, 0o2775)
        ((kind, content),) = pod.volumes[name].items()
        if kind == "emptyDir":
            return _owned(folder, pod, 0o2777)
        sources = content["sources"] if kind == "projected" else [{kind: content}]
        mode = int(content.get("defaultMode", 0o644))
        for source in sources:
            ((kind, what),) = source.items()
            self._fill(folder, kind, what, pod, mode)
        return _owned(folder, pod, 0o2755)

    def _fill(self, folder: Path, kind: str, what: Mapping[str, object], pod: Pod, mode: int) -> None:
        name = str(what.get("name") or what.get("secretName"))
        content = self._release.content(kind, name)
        items = what.get("items") or [{"key": key, "path": key} for key in content]
        assert isinstance(items, list)
        for item in items:
            assert item["key"] in content, f"{pod.name}: {kind} {name} has no key {item['key']}"
            path = folder / item["path"]
            for parent in reversed(path.relative_to(folder).parents[:-1]):
                (folder / parent).mkdir(exist_ok=True)
                _owned(folder / parent, pod, 0o2755)
            path.write_bytes(content[item["key"]])
            _owned(path, pod, mode)


def _owned(path: Path, pod: Pod, mode: int) -> Path:
    os.chown(path, 0, pod.fs_group)
    path.chmod(mode)
    return path


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*words: str) -> Sequence[str]:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}"
    return done.stdout.splitlines()
