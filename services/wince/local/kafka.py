"""Apache Kafka 4.3.1 in KRaft mode on 127.0.0.1: one node, or three with three replicas of everything. For tests and `wince up`.

Ready in 4 to 10 s, about 170 MB a node. Every node is broker and controller. What it wrote outlives it: started again over the same
directory it keeps ports, identity and data, as long as nobody took the ports meanwhile.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from wince.errors import ConfigError, ResourceError
from wince.local.last_words import last_words, size
from wince.local.maven import classpath
from wince.local.stopping import at_last

STOP_S = 12.0
"""A node that has not ended this long after SIGTERM is killed."""
KILLED_TWICE = 2
"""So often a node that is killed while it starts is started again."""

_LOG4J = """status=ERROR
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d{ISO8601} %p %m (%c{1})%n%ex{3}
rootLogger.level=WARN
rootLogger.appenderRef.c.ref=C
"""


class KafkaPeer:
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
        sign_in: tuple[str, str] | None = None,
        hosts: Sequence[str] = (),
        inside: Sequence[Sequence[str]] = (),
    ) -> None:
        """directory: state (ports, identity, data, logs); made where it is not there. settings: further broker settings.
        retention_check_s: how often a node looks for what is too old. tls_pem: key (PKCS #8) and certificate; with it clients need TLS.
        sign_in: user and password; with it they need SCRAM-SHA-512, too. hosts: a node's address, 127.0.0.1 by default. inside: a node's
        command is put behind these words, such as `nsenter --net=...` for a network of its own."""
        if nodes not in (1, 3):
            raise ConfigError("a cluster has one node or three", field="nodes")
        self._directory, self._nodes = Path(directory), nodes
        self._heap_mb = heap_mb or (128 if nodes == 1 else 96)
        self._settings = {"log.retention.check.interval.ms": str(retention_check_s * 1000), **(settings or {})}
        self._tls_pem, self._sign_in = tls_pem, sign_in
        self._hosts, self._inside = list(hosts) or ["127.0.0.1"] * nodes, list(inside) or [()] * nodes
        self._stopping = False
        self._ended: Callable[[], object] = lambda: None
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * nodes
        self._said_from = [0] * nodes
        """Where in each log this start's own words begin."""
        self._plan: dict[str, list[int] | list[str] | str] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """`host:port` of every node, comma separated; empty before the first start."""
        return ",".join(f"{host}:{port}" for host, port in zip(self._hosts, self._plan.get("brokers", ()), strict=False))

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return self._nodes

    def pid(self, node: int) -> int | None:
        """Process id of a node; None where it does not run."""
        process = self._processes[node]
        return process.pid if process is not None and process.poll() is None else None

    def start(self, timeout_s: float = 120.0) -> str:
        """Start every node that does not run, wait until all answer; returns `bootstrap`. Raises ResourceError where one does not."""
        self._stopping = False
        self._ended()
        self._ended = at_last(self._kill_all)
        self._prepare()
        down = [node for node in range(self._nodes) if self.pid(node) is None]
        for node in down:
            self._launch(node)
        for node in down:
            self._wait(node, timeout_s)
        return self.bootstrap

    def kill(self, node: int = 0) -> None:
        """kill -9."""
        if (process := self._processes[node]) is not None:
            process.kill()
            process.wait()

    def terminate(self, node: int = 0) -> None:
        """Stop one node in order."""
        if (process := self._processes[node]) is not None and process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def freeze(self, node: int = 0) -> None:
        """SIGSTOP: it holds its connections and says nothing, as one that is cut off from the others."""
        if (process := self._processes[node]) is not None:
            process.send_signal(signal.SIGSTOP)

    def thaw(self, node: int = 0) -> None:
        """It goes on."""
        if (process := self._processes[node]) is not None:
            process.send_signal(signal.SIGCONT)

    def restart(self, node: int = 0, timeout_s: float = 120.0) -> None:
        """Start a node that was killed or terminated, on its old port, and wait until it answers."""
        if self.pid(node) is None:
            self._launch(node)
        self._wait(node, timeout_s)

    def wipe(self, node: int = 0) -> None:
        """Kill a node and delete everything that it wrote. A cluster of one then knows no topic, no group, nothing."""
        self.kill(node)
        shutil.rmtree(self._data(node), ignore_errors=True)
        self._format(node)

    def stop(self) -> None:
        """End every node in order; what they wrote stays. Idempotent."""
        self._stopping = True
        for process in self._processes:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for node, process in enumerate(self._processes):
            if process is not None:
                try:
                    process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                self._processes[node] = None
        self._ended()

    def _kill_all(self) -> None:
        self._stopping = True
        for process in self._processes:
            if process is not None and process.poll() is None:
                process.kill()

    def log(self, node: int = 0) -> Path:
        """What a node says."""
        return self._directory / f"node{node}" / "out.log"

    def _data(self, node: int) -> Path:
        return self._directory / f"node{node}" / "data"

    def _prepare(self) -> None:
        """Ports and identities once; settings anew at every start."""
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / "cluster.json"
        if not self._plan and path.exists():
            self._plan = json.loads(path.read_text())
            if len(self._plan["brokers"]) != self._nodes:
                raise ConfigError("was made for another number of nodes", field=str(path), remedy="name another directory")
        if not self._plan:
            ports = _free_ports(3 * self._nodes)
            ids = [_identity() for _ in range(self._nodes + 1)]
            names = ("brokers", "inner", "controllers")
            self._plan = {name: ports[place :: len(names)] for place, name in enumerate(names)}
            self._plan |= {"nodes": ids[1:], "cluster": ids[0]}
            path.write_text(json.dumps(self._plan))
        (self._directory / "log4j2.properties").write_text(_LOG4J)
        for node in range(self._nodes):
            self._data(node).parent.mkdir(exist_ok=True)
            lines = "".join(f"{key}={value}\n" for key, value in self._properties(node).items())
            (self._directory / f"node{node}" / "server.properties").write_text(lines)
            if not (self._data(node) / "meta.properties").exists():
                self._format(node)

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
            "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,INNER:PLAINTEXT,CLIENT:{self._protocol()}",
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

    def _protocol(self) -> str:
        return ("SASL_" if self._sign_in else "") + ("SSL" if self._tls_pem else "PLAINTEXT")

    def _security(self) -> dict[str, str]:
        """What the clients' listener asks for."""
        found: dict[str, str] = {}
        name = "listener.name.client."
        if self._tls_pem is not None:
            found |= {f"{name}ssl.keystore.type": "PEM", f"{name}ssl.keystore.location": str(self._tls_pem)}
        if self._sign_in is not None:
            login = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            found |= {f"{name}sasl.enabled.mechanisms": "SCRAM-SHA-512", f"{name}scram-sha-512.sasl.jaas.config": login}
        return found

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
        if self._sign_in is not None:
            command += ["--add-scram", f"SCRAM-SHA-512=[name={self._sign_in[0]},password={self._sign_in[1]}]"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            tail = " | ".join((done.stdout + done.stderr).strip().splitlines()[-3:])
            raise ResourceError(f"Kafka can't format its directory: {tail}", field=str(self._data(node)))

    def _launch(self, node: int) -> None:
        folder = self._directory / f"node{node}"
        command = [*self._inside[node], *self._java(), "kafka.Kafka", str(folder / "server.properties")]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WINCE_")}
        self._said_from[node] = size(self.log(node))
        with self.log(node).open("ab") as sink:
            self._processes[node] = subprocess.Popen(
                command, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, cwd=folder, env=environment, start_new_session=True
            )  # a session of its own: Ctrl-C is for whoever drains what stands on it

    def _wait(self, node: int, timeout_s: float) -> None:
        deadline, again = time.monotonic() + timeout_s, KILLED_TWICE
        address = (self._hosts[node], int(self._plan["brokers"][node]))
        while True:
            process = self._processes[node]
            code = process.poll() if process is not None else 0
            if code == -signal.SIGKILL and again and not self._stopping:  # it may be killed while it starts, too
                again -= 1
                self._launch(node)
            elif code is not None or time.monotonic() > deadline:
                self.stop()
                how = f"did not answer within {timeout_s:.0f} s" if code is None else f"ended with {code}"
                said, _ = last_words(self.log(node), self._said_from[node])
                message = f"Kafka's node {node} {how}" + (f"; its last words: {said}" if said else "")
                raise ResourceError(message, field=str(self.log(node)), remedy="read its log; is its port taken?")
            try:
                socket.create_connection(address, 0.3).close()
                return
            except OSError:
                time.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    """Below those that the system gives to outgoing connections: a node that was killed finds them free again."""
    found: list[int] = []
    for port in random.sample(range(20000, 32768), 2000):
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise ResourceError("no ports are free", field="127.0.0.1", remedy="stop something that listens")


def _identity() -> str:
    """22 characters as Kafka wants them: no leading dash, which its tools take for an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
