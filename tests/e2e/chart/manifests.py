"""What rendered manifests say of pods, as kubelet reads them. A field that this reader doesn't know is an error, not a thing passed by."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Manifest = dict[str, Any]

_POD = {
    "serviceAccountName", "automountServiceAccountToken", "enableServiceLinks", "terminationGracePeriodSeconds", "securityContext",
    "topologySpreadConstraints", "containers", "initContainers", "volumes", "affinity", "tolerations", "nodeSelector",
    "priorityClassName", "imagePullSecrets", "restartPolicy",
}  # fmt: skip
_CONTAINER = {
    "name", "image", "imagePullPolicy", "command", "args", "env", "securityContext", "ports", "startupProbe", "readinessProbe",
    "livenessProbe", "lifecycle", "resources", "volumeMounts",
}  # fmt: skip


@dataclass(frozen=True)
class Mount:
    """A volume, or a part of it, somewhere in a container."""

    path: str
    volume: str
    sub_path: str = ""
    read_only: bool = False


@dataclass(frozen=True)
class Probe:
    """A gRPC probe."""

    port: int
    service: str
    period_s: float
    failures: int
    timeout_s: float


@dataclass(frozen=True)
class Container:
    """One process of a pod."""

    name: str
    words: tuple[str, ...]
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    probes: Mapping[str, Probe]
    """By kind: startup, readiness, liveness."""
    ports: Mapping[str, int]
    read_only_root: bool
    pre_stop_s: float = 0.0


@dataclass(frozen=True)
class Pod:
    """What a workload makes; the first of its replicas."""

    name: str
    labels: Mapping[str, str]
    containers: tuple[Container, ...]
    init: tuple[Container, ...]
    volumes: Mapping[str, Manifest]
    claims: frozenset[str]
    """Volumes that outlive the pod."""
    uid: int
    gid: int
    fs_group: int
    grace_s: float


@dataclass(frozen=True)
class Service:
    """A name for pods."""

    name: str
    selector: Mapping[str, str]
    ports: Mapping[str, int]
    headless: bool


@dataclass
class Release:
    """All of one rendered release, and the secrets that its owner made."""

    documents: list[Manifest]
    secrets: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def of(self, *kinds: str) -> list[Manifest]:
        """Manifests of these kinds."""
        return [one for one in self.documents if one["kind"] in kinds]

    def pods(self) -> dict[str, Pod]:
        """One for each Deployment and StatefulSet, by component."""
        made = [self._pod(one) for one in self.of("Deployment", "StatefulSet")]
        return {one.labels["app.kubernetes.io/component"]: one for one in made}

    def hooks(self, when: str) -> list[Pod]:
        """Pods of the Jobs that run `when`, such as pre-install."""
        jobs = [one for one in self.of("Job") if when in one["metadata"].get("annotations", {}).get("helm.sh/hook", "").split(",")]
        return [self._pod(one) for one in jobs]

    def timed(self) -> dict[str, Pod]:
        """One for each CronJob, by component: the pod of its next run."""
        made = [self._pod({**one, "spec": one["spec"]["jobTemplate"]["spec"]}) for one in self.of("CronJob")]
        return {one.labels["app.kubernetes.io/component"]: one for one in made}

    def services(self) -> list[Service]:
        """Every Service."""
        return [self._service(one) for one in self.of("Service")]

    def content(self, kind: str, name: str) -> dict[str, bytes]:
        """Of a ConfigMap or Secret."""
        if kind == "secret" and name in self.secrets:
            return self.secrets[name]
        (found,) = [one for one in self.of("ConfigMap" if kind == "configMap" else "Secret") if one["metadata"]["name"] == name]
        plain = {key: value.encode() for key, value in {**found.get("data", {}), **found.get("stringData", {})}.items()}
        return plain if kind == "configMap" else {key: base64.b64decode(value) for key, value in plain.items()}

    def _pod(self, workload: Manifest) -> Pod:
        template = workload["spec"]["template"]
        spec = template["spec"]
        _known(spec, _POD, workload["metadata"]["name"])
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True
        claims = {one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", ())}
        return Pod(
            workload["metadata"]["name"],
            template["metadata"]["labels"],
            tuple(self._container(one) for one in spec["containers"]),
            tuple(self._container(one) for one in spec.get("initContainers", ())),
            {one["name"]: {kind: content for kind, content in one.items() if kind != "name"} for one in spec.get("volumes", ())},
            frozenset(claims),
            context["runAsUser"],
            context["runAsGroup"],
            context["fsGroup"],
            spec.get("terminationGracePeriodSeconds", 30),
        )

    def _container(self, spec: Manifest) -> Container:
        _known(spec, _CONTAINER, spec["name"])
        probes = {kind: _probe(spec[f"{kind}Probe"]) for kind in ("startup", "readiness", "liveness") if f"{kind}Probe" in spec}
        mounts = [
            Mount(one["mountPath"], one["name"], one.get("subPath", ""), one.get("readOnly", False)) for one in spec.get("volumeMounts", ())
        ]
        lifecycle = spec.get("lifecycle", {})
        assert set(lifecycle) <= {"preStop"}
        return Container(
            spec["name"],
            (*spec["command"], *spec.get("args", ())),
            {one["name"]: self._value(one) for one in spec.get("env", ())},
            tuple(mounts),
            probes,
            {one["name"]: one["containerPort"] for one in spec.get("ports", ())},
            spec["securityContext"].get("readOnlyRootFilesystem", False),
            lifecycle["preStop"]["sleep"]["seconds"] if lifecycle else 0.0,
        )

    def _value(self, entry: Manifest) -> str:
        if "value" in entry:
            return str(entry["value"])
        source = entry["valueFrom"]["secretKeyRef"]
        return self.content("secret", source["name"])[source["key"]].decode()

    def _service(self, one: Manifest) -> Service:
        spec = one["spec"]
        ports = {port["name"]: port["port"] for port in spec["ports"]}
        assert all(port.get("targetPort", port["name"]) in (port["name"], port["port"]) for port in spec["ports"]), one["metadata"]["name"]
        return Service(one["metadata"]["name"], spec["selector"], ports, spec.get("clusterIP") == "None")


def _probe(spec: Manifest) -> Probe:
    asked = spec["grpc"]  # kubelet's other kinds would need a shell or HTTP
    known = {"grpc", "periodSeconds", "failureThreshold", "timeoutSeconds", "initialDelaySeconds", "successThreshold"}
    _known(spec, known, "probe")
    return Probe(
        asked["port"],
        asked.get("service", ""),
        spec.get("periodSeconds", 10),
        spec.get("failureThreshold", 3),
        spec.get("timeoutSeconds", 1),
    )


def _known(spec: Mapping[str, Any], known: Iterable[str], what: str) -> None:
    assert not (unknown := set(spec) - set(known)), f"{what}: the runner doesn't know {unknown}"
