"""Apache Kafka 4.3.1 in KRaft mode on 127.0.0.1: one node, or three with three replicas of everything. For tests and `wince up`.

Ready in 4 to 10 s, about 170 MB a node. Every node is broker and controller. What it wrote outlives it: started again over the same
directory it keeps ports, identity and data, as long as nobody took the ports meanwhile.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from wince.bus.kafka_options import KafkaOptions
from wince.errors import ConfigError, ResourceError
from wince.local.interface import LocalServer
from wince.local.kafka_credentials import NodeCredentials
from wince.local.maven import classpath
from wince.local.ports import free_ports
from wince.local.server_process import ServerProcess

STOP_S = 12.0
"""A node that has not ended this long after SIGTERM is killed."""

_LOG4J = """status=ERROR
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d{ISO8601} %p %m (%c{1})%n%ex{3}
rootLogger.level=WARN
rootLogger.appenderRef.c.ref=C
"""


class KafkaPeer(LocalServer):
    """A cluster of one node or of three; numbers of nodes count from 0."""

    def __init__(
        self,
        directory: Path,
        *,
        nodes: int = 1,
        heap_mb: int = 0,
        settings: dict[str, str] | None = None,
        retention_check_s: int = 60,
        tls_pem: Path | None = None,
        closed: bool = False,
        hosts: Sequence[str] = (),
        inside: Sequence[Sequence[str]] = (),
    ) -> None:
        """directory: state (ports, identity, data, logs); made where it is not there. settings: further broker settings.
        retention_check_s: how often a node looks for what is too old. tls_pem: key (PKCS #8) and certificate; with it clients need TLS.
        closed: clients sign in by SCRAM and may do what was granted to them, nodes know each other by certificates; nobody gets in before
        `admit` (`local/kafka_users.py`). hosts: a node's address, 127.0.0.1 by default. inside: a node's command is put behind these words,
        such as `nsenter --net=...` for a network of its own."""
        if nodes not in (1, 3):
            raise ConfigError("a cluster has one node or three", field="nodes")
        self._directory, self._nodes = Path(directory), nodes
        self._heap_mb = heap_mb or (128 if nodes == 1 else 96)
        self._settings = {"log.retention.check.interval.ms": str(retention_check_s * 1000), **(settings or {})}
        self._tls_pem = tls_pem
        self._hosts, self._inside = list(hosts) or ["127.0.0.1"] * nodes, list(inside) or [()] * nodes
        self._credentials = NodeCredentials(self._directory, self._hosts) if closed else None
        self._processes = [ServerProcess(f"Kafka's node {node}", self.log(node)) for node in range(nodes)]
        self._plan: dict[str, list[int] | list[str] | str] = {}

    @property
    def bootstrap(self) -> str:
        """`host:port` of every node, comma separated; empty before the first start."""
        return ",".join(f"{host}:{port}" for host, port in zip(self._hosts, self._plan.get("brokers", ()), strict=False))

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return self._nodes

    def administrator(self) -> KafkaOptions:
        """How whoever may read the directory of a closed cluster reaches it with every right. Raises ConfigError for an open one."""
        if self._credentials is None:
            raise ConfigError("the cluster is open: nobody signs in", field="closed")
        inner = (f"{host}:{port}" for host, port in zip(self._hosts, self._plan.get("inner", ()), strict=False))
        return self._credentials.administrator(",".join(inner))

    def pid(self, node: int) -> int | None:
        """Process id of a node; None where it does not run."""
        return self._processes[node].pid

    def start(self, timeout_s: float = 120.0) -> str:
        """Start every node that does not run, wait until all answer; returns `bootstrap`. Raises ResourceError where one does not."""
        self._prepare()
        try:
            self._bring_up(timeout_s)
        except BaseException:
            self.stop()
            raise
        return self.bootstrap

    def ensure(self) -> bool:
        """Start the nodes that died, on their old ports; True where there were any. Raises ResourceError."""
        return self._bring_up()

    def kill(self, node: int = 0) -> None:
        """kill -9."""
        self._processes[node].kill()

    def terminate(self, node: int = 0) -> None:
        """Stop one node in order."""
        self._processes[node].stop(STOP_S)

    def freeze(self, node: int = 0) -> None:
        """SIGSTOP: it holds its connections and says nothing, as one that is cut off from the others."""
        self._processes[node].send(signal.SIGSTOP)

    def thaw(self, node: int = 0) -> None:
        """It goes on."""
        self._processes[node].send(signal.SIGCONT)

    def restart(self, node: int = 0, timeout_s: float = 120.0) -> None:
        """Start a node that was killed or terminated, on its old port, and wait until it answers."""
        if self.pid(node) is None:
            self._spawn(node)
        self._await(node, timeout_s)

    def wipe(self, node: int = 0) -> None:
        """Kill a node and delete everything that it wrote. A cluster of one then knows no topic, no group, nothing."""
        self.kill(node)
        shutil.rmtree(self._data(node), ignore_errors=True)
        self._format(node)

    def stop(self) -> None:
        """End every node in order; what they wrote stays. Idempotent."""
        for process in self._processes:
            process.ask_to_end()
        for process in self._processes:
            process.stop(STOP_S)

    def _bring_up(self, timeout_s: float = 120.0) -> bool:
        down = [node for node in range(self._nodes) if self.pid(node) is None]
        for node in down:
            self._spawn(node)
        for node in down:
            self._await(node, timeout_s)
        return bool(down)

    def log(self, node: int = 0) -> Path:
        """What a node says."""
        return self._directory / f"node{node}" / "out.log"

    def _data(self, node: int) -> Path:
        return self._directory / f"node{node}" / "data"

    def _prepare(self) -> None:
        """Ports and identities once; settings again at every start."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / "cluster.json"
        if not self._plan and path.exists():
            self._plan = self._known(path)
        if self._plan and len(self._plan["brokers"]) != self._nodes:
            raise ConfigError("was made for another number of nodes", field=str(path), remedy="name another directory")
        if not self._plan:
            ports = free_ports(3 * self._nodes)
            ids = [_identity() for _ in range(self._nodes + 1)]
            names = ("brokers", "inner", "controllers")
            self._plan = {name: ports[place :: len(names)] for place, name in enumerate(names)}
            self._plan |= {"nodes": ids[1:], "cluster": ids[0]}
            beside = path.with_suffix(".new")
            beside.write_text(json.dumps(self._plan))
            beside.replace(path)
        (self._directory / "log4j2.properties").write_text(_LOG4J)
        if self._credentials is not None:
            self._credentials.renew()
        for node in range(self._nodes):
            self._data(node).parent.mkdir(exist_ok=True)
            lines = "".join(f"{key}={value}\n" for key, value in self._properties(node).items())
            (self._directory / f"node{node}" / "server.properties").write_text(lines)
            if not (self._data(node) / "meta.properties").exists():
                self._format(node)

    def _known(self, path: Path) -> dict[str, list[int] | list[str] | str]:
        """The plan of an earlier start; empty where that was killed in writing it, before any node had data. Raises ConfigError."""
        try:
            found = json.loads(path.read_text())
            if isinstance(found, dict) and {"brokers", "inner", "controllers", "nodes", "cluster"} <= found.keys():
                return found
        except ValueError:
            pass
        if any((self._data(node) / "meta.properties").exists() for node in range(self._nodes)):
            remedy = "bring the file back, or remove the directory: what was not recorded yet is computed again"
            raise ConfigError("can't be read, and there is data of this cluster", field=str(path), remedy=remedy)
        return {}

    def _properties(self, node: int) -> dict[str, str]:
        brokers, controllers = self._plan["brokers"], self._plan["controllers"]
        ports = {"CLIENT": brokers[node], "INNER": self._plan["inner"][node], "CONTROLLER": controllers[node]}
        listeners = ",".join(f"{name}://{self._hosts[node]}:{port}" for name, port in ports.items())
        replicas, in_sync = ("3", "2") if self._nodes == 3 else ("1", "1")
        return {
            "process.roles": "broker,controller",
            "node.id": str(node + 1),
            "listeners": listeners,
            "advertised.listeners": listeners,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "INNER",
            "listener.security.protocol.map": self._protocols(),
            **self._security(),
            "controller.quorum.bootstrap.servers": ",".join(f"{host}:{port}" for host, port in zip(self._hosts, controllers, strict=True)),
            "log.dir": str(self._data(node)),
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": "3",
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": "3",
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": in_sync,
            "share.coordinator.state.topic.num.partitions": "3",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "log.cleaner.dedupe.buffer.size": "8388608",  # its default needs a heap of 256 MB
            "log.cleaner.io.buffer.size": "131072",
            "broker.session.timeout.ms": "3000",  # a dead node is noticed after 3 s instead of 9
            "broker.heartbeat.interval.ms": "500",
            **self._settings,
        }

    def _protocols(self) -> str:
        """What each listener speaks."""
        inside = "PLAINTEXT" if self._credentials is None else "SSL"
        client = ("" if self._credentials is None else "SASL_") + ("SSL" if self._tls_pem else "PLAINTEXT")
        return f"CONTROLLER:{inside},INNER:{inside},CLIENT:{client}"

    def _security(self) -> dict[str, str]:
        """What the listeners ask for."""
        found: dict[str, str] = {}
        if self._tls_pem is not None:
            name = "listener.name.client.ssl.keystore."
            found |= {f"{name}type": "PEM", f"{name}location": str(self._tls_pem)}
        return found if self._credentials is None else found | self._credentials.properties()

    def _java(self) -> list[str]:
        options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={self._directory}/log4j2.properties"]
        return ["java", f"-Xmx{self._heap_mb}m", f"-Xms{self._heap_mb}m", *options, "-cp", classpath("kafka")]

    def _format(self, node: int) -> None:
        settings = self._directory / f"node{node}" / "server.properties"
        command = [*self._java(), "kafka.tools.StorageTool", "format", "-t", str(self._plan["cluster"]), "-c", str(settings)]
        if self._nodes == 1:
            command.append("--standalone")
        else:
            controllers, ids = self._plan["controllers"], self._plan["nodes"]
            voters = (f"{number + 1}@{self._hosts[number]}:{controllers[number]}:{ids[number]}" for number in range(self._nodes))
            command += ["--initial-controllers", ",".join(voters)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            tail = " | ".join((done.stdout + done.stderr).strip().splitlines()[-3:])
            raise ResourceError(f"Kafka can't format its directory: {tail}", field=str(self._data(node)))

    def _spawn(self, node: int) -> None:
        folder = self._directory / f"node{node}"
        command = [*self._inside[node], *self._java(), "kafka.Kafka", str(folder / "server.properties")]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WINCE_")}
        self._processes[node].spawn(command, folder=folder, environment=environment)

    def _await(self, node: int, timeout_s: float) -> None:
        address = (self._hosts[node], int(self._plan["brokers"][node]))
        self._processes[node].await_answer(lambda: _listens(address), timeout_s, remedy="read its log; is its port taken?")


def _listens(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, 0.3).close()
    except OSError:
        return False
    return True


def _identity() -> str:
    """22 characters as Kafka wants them: no leading dash, which its tools take for an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
