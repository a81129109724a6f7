"""A cluster on loopback: etcd, API server, controller manager, scheduler, and kwok's fake nodes. Ready in about ten seconds, 650 MB.

The control plane is real: validation, admission, Pod Security, RBAC, controllers, scheduling, evictions. The nodes are not: no container
runs, no probe is asked, no packet is filtered, and a pod whose Secret is absent becomes Ready all the same.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Self

import httpx

from tests.support.certificates import Authority
from tests.support.kube.tools import Helm, ran, tool
from wince.local.ports import free_ports
from wince.local.server_process import ServerProcess, bound_to_parent

STAGES = Path(__file__).with_name("stages.yaml")
NODES = 3
"""One in each zone: topology spread has something to spread over."""
VOLUMES = 40
UP_S = 120.0
SOON_S = 60.0
_NUMBERS = count()


class Cluster:
    """A context manager. `kubeconfig` is an administrator's."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._pki = folder, folder / "pki"
        self._pki.mkdir(parents=True)
        self._authority = Authority(self._pki, "cluster")
        self._ports = dict(zip(("api", "etcd", "etcd-peer", "managers", "scheduler", "kwok"), free_ports(6), strict=True))
        self.url = f"https://127.0.0.1:{self._ports['api']}"
        self.kubeconfig = self._kubeconfig("admin", "admin", "system:masters")
        self._context = ssl.create_default_context(cafile=str(self._authority.file))
        self._context.load_cert_chain(self._pki / "admin.crt", self._pki / "admin.key")
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._etcd(stack)
            self.api = stack.enter_context(httpx.Client(base_url=self.url, verify=self._context, timeout=30))
            self._api_server(stack)
            self._controllers(stack)
            for number in range(NODES):
                self.api.post("/api/v1/nodes", json=_node(number)).raise_for_status()
            self._volumes()
            self.wait(lambda: len(self.ready("/api/v1/nodes")) == NODES, "the nodes are Ready")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def helm(self, major: str) -> Helm:
        """One major of Helm, on this cluster."""
        return Helm(major, self._folder, self.kubeconfig)

    def kubectl(self, *arguments: str | Path, given: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command of kubectl, as administrator."""
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self._folder)}
        return ran([tool("kube", "kubectl"), *arguments], environment, given=given, check=check)

    def get(self, path: str) -> dict[str, Any]:
        """An object, or a list, by its path; {} where it isn't there."""
        answer = self.api.get(path)
        if answer.status_code == 404:
            return {}
        answer.raise_for_status()
        return dict(answer.json())

    def items(self, path: str) -> list[dict[str, Any]]:
        """What a list holds."""
        return list(self.get(path).get("items", []))

    def ready(self, path: str) -> list[dict[str, Any]]:
        """Those of a list whose condition Ready is true."""
        return [one for one in self.items(path) if condition(one, "Ready") == "True"]

    @staticmethod
    def wait(holds: Callable[[], object], what: str, limit_s: float = SOON_S) -> None:
        """Wait until something holds. Raises AssertionError where it doesn't in time."""
        deadline = time.monotonic() + limit_s
        while not holds():
            assert time.monotonic() < deadline, f"after {limit_s:.0f} s it does not hold that {what}"
            time.sleep(0.1)

    @contextmanager
    def namespace(self, **labels: str) -> Iterator[str]:
        """A fresh namespace in which Pod Security enforces the restricted profile; deleted afterwards, without a wait."""
        name = f"t{next(_NUMBERS)}-{os.getpid()}"
        marks = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest", **labels}
        self.api.post("/api/v1/namespaces", json={"metadata": {"name": name, "labels": marks}}).raise_for_status()
        self.wait(lambda: self.get(f"/api/v1/namespaces/{name}/serviceaccounts/default"), f"{name} has its service account")
        try:
            yield name
        finally:
            self.api.delete(f"/api/v1/namespaces/{name}")

    def define(self, definitions: list[dict[str, Any]]) -> None:
        """Custom resources that the API server takes from now on, checked as their definitions say."""
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        for one in definitions:
            self.api.post(path, json=one).raise_for_status()
        names = {one["metadata"]["name"] for one in definitions}
        self.wait(lambda: names <= {one["metadata"]["name"] for one in self.items(path) if condition(one, "Established") == "True"}, "CRDs")

    def _volumes(self) -> None:
        """A default storage class, and volumes that claims of it are bound to; there is nothing behind them."""
        default = {"storageclass.kubernetes.io/is-default-class": "true"}
        kind = {"metadata": {"name": "fake", "annotations": default}, "provisioner": "kubernetes.io/no-provisioner"}
        self.api.post("/apis/storage.k8s.io/v1/storageclasses", json=kind).raise_for_status()
        for number in range(VOLUMES):
            spec = {
                "capacity": {"storage": "1Ti"}, "accessModes": ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany"],
                "storageClassName": "fake", "hostPath": {"path": f"/fake/{number}"},
            }  # fmt: skip
            self.api.post("/api/v1/persistentvolumes", json={"metadata": {"name": f"fake-{number}"}, "spec": spec}).raise_for_status()

    def _etcd(self, stack: ExitStack) -> None:
        client, peer = (f"http://127.0.0.1:{self._ports[name]}" for name in ("etcd", "etcd-peer"))
        own = ["--name=test", f"--data-dir={self._folder / 'etcd'}", "--unsafe-no-fsync", "--log-level=warn"]
        listen = [f"--listen-client-urls={client}", f"--advertise-client-urls={client}"]
        peers = [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=test={peer}"]
        # its module's main package lies in a folder "server"
        self._start(stack, "etcd", [tool("kube", "server"), *own, *listen, *peers], lambda: _answers(f"{client}/health"))

    def _api_server(self, stack: ExitStack) -> None:
        chain, key = self._authority.issue("kubernetes", "127.0.0.1", "10.96.0.1", "localhost", "kubernetes.default.svc")
        public, signing = self._authority.client("service-accounts")
        command = [
            tool("kube", "kube-apiserver"), f"--etcd-servers=http://127.0.0.1:{self._ports['etcd']}", "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1", f"--secure-port={self._ports['api']}", "--endpoint-reconciler-type=none",
            f"--tls-cert-file={chain}", f"--tls-private-key-file={key}", f"--client-ca-file={self._authority.file}",
            "--authorization-mode=Node,RBAC", "--anonymous-auth=false", "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={public}",
            f"--service-account-signing-key-file={signing}", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
        ]  # fmt: skip
        self._start(stack, "kube-apiserver", command, lambda: _answers("/readyz", self.api))

    def _controllers(self, stack: ExitStack) -> None:
        """Begun together; nothing waits for one of them alone."""
        files = {name: self._kubeconfig(name, f"system:{name}") for name in ("kube-controller-manager", "kube-scheduler")}
        for name, port in (("kube-controller-manager", "managers"), ("kube-scheduler", "scheduler")):
            said = [f"--{part}kubeconfig={files[name]}" for part in ("", "authentication-", "authorization-")]
            own = ["--bind-address=127.0.0.1", f"--secure-port={self._ports[port]}", "--leader-elect=false"]
            own += ["--kube-api-qps=500", "--kube-api-burst=1000"]  # theirs spare an API server that others need, too
            if name == "kube-controller-manager":
                # the nodes send no heartbeat often enough for a busy machine
                own += [
                    "--use-service-account-credentials",
                    "--node-monitor-grace-period=24h",
                    "--horizontal-pod-autoscaler-sync-period=1s",
                ]
                own += [f"--root-ca-file={self._authority.file}"]
                own += [f"--service-account-private-key-file={self._pki / 'service-accounts.key'}"]
            self._start(stack, name, [tool("kube", name), *said, *own])
        kwok = ["--manage-all-nodes=true", "--node-ip=127.0.0.1", f"--server-address=127.0.0.1:{self._ports['kwok']}", f"--config={STAGES}"]
        self._start(stack, "kwok", [tool("kube", "kwok"), f"--kubeconfig={self._kubeconfig('kwok', 'kwok', 'system:masters')}", *kwok])

    def _start(self, stack: ExitStack, name: str, command: list[str | Path], answers: Callable[[], bool] = lambda: True) -> None:
        """Run it until the stack ends; it ends with this process, too, however that ends."""
        process = ServerProcess(name, self._folder / f"{name}.log")
        stack.callback(process.stop, 5.0)
        process.spawn(bound_to_parent([str(word) for word in command]), folder=self._folder, environment=os.environ)
        process.await_answer(answers, UP_S)

    def _kubeconfig(self, file: str, user: str, organization: str = "") -> Path:
        chain, key = self._authority.client(user, organization)
        cluster = {"server": self.url, "certificate-authority": str(self._authority.file)}
        path = self._folder / f"{file}.kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": {"client-certificate": str(chain), "client-key": str(key)}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        }))  # fmt: skip
        return path


def condition(item: dict[str, Any], kind: str) -> str:
    """Status of a condition of an object; empty where it has none."""
    conditions = item.get("status", {}).get("conditions") or []
    return next((str(one["status"]) for one in conditions if one["type"] == kind), "")


def _node(number: int) -> dict[str, Any]:
    room = {"cpu": "64", "memory": "512Gi", "ephemeral-storage": "1Ti", "pods": "250", "nvidia.com/gpu": "8"}
    labels = {"kubernetes.io/hostname": f"node-{number}", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    labels["topology.kubernetes.io/zone"] = f"zone-{number}"
    return {"metadata": {"name": f"node-{number}", "labels": labels}, "status": {"allocatable": room, "capacity": room}}


def _answers(url: str, client: Any = httpx) -> bool:
    try:
        return bool(client.get(url).is_success)
    except httpx.HTTPError:
        return False
