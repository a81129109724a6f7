"""A node without a cluster: the pods of a rendered release, each with its own network, root, user, volumes and secrets, probed and ended as
kubelet does it. What it does not do: schedule, restart, limit memory, enforce NetworkPolicies."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.e2e.chart import manifests
from tests.e2e.chart.manifests import Pod, Probe, Release
from tests.support import containers
from tests.support.containers import Ground

MODELS = "/var/lib/wince-models"
JOB_S = 120.0


@dataclass
class Started:
    """A pod that runs."""

    pod: Pod
    address: str
    containers: Mapping[str, containers.Running]

    def ended(self) -> dict[str, int]:
        """Exit codes of the containers that ended."""
        return {name: code for name, one in self.containers.items() if (code := one.process.poll()) is not None}

    def said(self) -> str:
        """The last that its containers logged, for whoever has to find out."""
        return "\n".join(f"== {self.pod.name}/{name}\n{one.said()[-3000:]}" for name, one in self.containers.items())


class Node:
    """Runs the pods of one release. Names of Services lead to the pods that they select, as cluster DNS has it."""

    def __init__(self, ground: Ground, release: Release, models: Path, namespace: str = "default") -> None:
        """models: folder of the face models, which stands for what the images hold."""
        self._ground, self._release, self._models = ground, release, models
        self._pods = release.pods()
        for pod in self._pods.values():
            for service in release.services():
                if service.selector.items() <= pod.labels.items():
                    for end in ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.cluster.local"):
                        ground.names[f"{service.name}{end}"] = ground.address(pod.name)

    def entrance(self, port: str) -> tuple[str, int]:
        """Where the Service that has this named port leads: to the pod that it selects."""
        for service in self._release.services():
            for pod in self._pods.values():
                named = {name: number for container in pod.containers for name, number in container.ports.items()}
                if {port} <= service.ports.keys() & named.keys() and service.selector.items() <= pod.labels.items():
                    return self._ground.address(pod.name), named[port]
        raise AssertionError(f"no Service leads to {port}")

    def complete(self, pod: Pod) -> None:
        """Run a Job's pod to its end. Fails where it fails."""
        made = self.start(pod)
        for one in made.containers.values():
            assert one.process.wait(JOB_S) == 0, made.said()

    def start(self, pod: Pod) -> Started:
        """Init containers to their end, then the containers; returns before they are ready."""
        for container in pod.init:
            done = self._ground.run(self._container(pod, container))
            assert done.process.returncode == 0, done.said()
        first, *others = pod.containers
        running = {first.name: self._ground.start(self._container(pod, first))}
        for container in others:
            running[container.name] = self._ground.start(self._container(pod, container), beside=pod.name)
        return Started(pod, self._ground.address(pod.name), running)

    def ready(self, made: Started, seconds: float = 240.0) -> float:
        """Wait until the startup and the readiness probe of every container are answered; seconds since now. Fails where a container ends.
        (A startup probe's own number of tries is for a machine that does nothing else.)"""
        began = time.monotonic()
        probes = [probe for container in made.pod.containers for kind in ("startup", "readiness") if (probe := container.probes.get(kind))]
        for probe in probes:
            while not self.probe(made, probe):
                assert not made.ended(), (made.ended(), made.said())
                assert time.monotonic() < began + seconds, made.said()
                time.sleep(0.25)
        return time.monotonic() - began

    def probe(self, made: Started, probe: Probe) -> bool:
        """Whether the pod answers SERVING, without TLS, as kubelet asks."""
        with grpc.insecure_channel(f"{made.address}:{probe.port}") as channel, suppress(grpc.RpcError):
            asked = health_pb2.HealthCheckRequest(service=probe.service)
            answer = health_pb2_grpc.HealthStub(channel).Check(asked, timeout=probe.timeout_s)
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
        return False

    def stop(self, made: Started) -> dict[str, int]:
        """preStop, then SIGTERM and the grace period. Exit codes by container."""
        time.sleep(max((one.pre_stop_s for one in made.pod.containers), default=0.0))
        return {name: one.stop(made.pod.grace_s) for name, one in made.containers.items()}

    def disk(self, pod: Pod) -> Path:
        """Where the volume lies that outlives the pod."""
        (claim,) = pod.claims
        return self._volume(pod, claim)

    def _container(self, pod: Pod, spec: manifests.Container) -> containers.Container:
        assert spec.read_only_root
        assert (pod.gid, pod.uid) == (pod.fs_group, pod.gid), "files of volumes belong to the group that the user is in"
        mounts, volumes, empty = {MODELS: self._models}, dict[str, Path](), list[str]()
        for mount in spec.mounts:
            if "emptyDir" in pod.volumes.get(mount.volume, {}):
                empty.append(mount.path)
            elif mount.volume in pod.claims:
                volumes[mount.path] = self._volume(pod, mount.volume)
            else:
                mounts[mount.path] = self._volume(pod, mount.volume) / mount.sub_path
                assert mounts[mount.path].exists(), f"{pod.name}: {mount.volume} has no {mount.sub_path}"
        # A runtime sets HOME to / for a user that /etc/passwd doesn't name.
        environment = {"HOME": "/", "HOSTNAME": f"{pod.name}-0", **spec.environment}
        name = pod.name if spec == pod.containers[0] else f"{pod.name}-{spec.name}"
        return containers.Container(name, spec.words, environment, mounts, volumes, tuple(empty), f"{pod.uid}:{pod.gid}")

    def _volume(self, pod: Pod, name: str) -> Path:
        """A volume on this machine, made when it is first asked for."""
        folder = self._ground.folder / "volumes" / pod.name / name
        if folder.exists():
            return folder
        folder.mkdir(parents=True)
        if name not in pod.claims:
            ((kind, content),) = pod.volumes[name].items()
            sources = content["sources"] if kind == "projected" else [{kind: content}]
            for source in sources:
                ((kind, what),) = source.items()
                self._fill(folder, kind, what, pod, int(content.get("defaultMode", 0o644)))
        os.chown(folder, 0, pod.fs_group)
        folder.chmod(0o2775)
        return folder

    def _fill(self, folder: Path, kind: str, what: Mapping[str, object], pod: Pod, mode: int) -> None:
        """Files of a ConfigMap or Secret: root's, and of the pod's group."""
        content = self._release.content(kind, str(what.get("name") or what.get("secretName")))
        items = what.get("items") or [{"key": key, "path": key} for key in content]
        assert isinstance(items, list)
        for item in items:
            assert item["key"] in content, f"{pod.name}: {kind} {what} has no key {item['key']}"
            path = folder / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content[item["key"]])
            os.chown(path, 0, pod.fs_group)
            path.chmod(mode)
