"""A clip through what the chart describes: each rendered workload is started from its own command line, environment, secrets and probes,
and a camera's pictures become Observations at an EHR. What came of it, in JSON.

unshare --net python -m tests.e2e.chart.road DIRECTORY        # test_road.py
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.e2e.chart.manifests import Release
from tests.e2e.chart.node import HERE, Node, Running, lay
from tests.e2e.chart.relay import Relay
from tests.support.certificates import Authority
from tests.support.kube.tools import Helm
from tests.support.pgbouncer import pgbouncer
from wince.clock import wall_us
from wince.domain.stay import Identifier
from wince.local import kafka_users
from wince.local.ports import free_ports
from wince.local.postgres.server import EmbeddedPostgres
from wince.settings import Settings
from wince.testing import hl7
from wince.testing.clips import __file__ as clips
from wince.testing.ehr import EhrSandbox
from wince.testing.peers import KafkaPeer
from wince.testing.peers.rtsp import RtspPeer, looped

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "wince"
BED, SYSTEM = "ICU^101^A", "urn:wince:authority:HOSP"
LOGIN = ("wince", "bedside")
SERVICES = ("capture", "detect", "estimate", "grade", "record", "care", "hospital")
ORDER = ("hospital", "care", "record", "grade", "estimate", "detect", "capture")


class World:
    """The hospital around the release: database, broker, EHR, camera, each behind TLS, as beyond one machine."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self.authority = Authority(directory, "hospital ca")
        self.secrets: dict[str, dict[str, bytes]] = {}
        self.names = dict.fromkeys(("db.example", "kafka.example", "ehr.example", "camera.example"), HERE)
        self.settings: dict[str, Any] = {"site": "st-mary", "time_zone": "Europe/Berlin"}
        self.files: dict[str, dict[str, str]] = {}
        ca = self.authority.file.read_bytes()
        self.secrets["hospital-ca"] = {"ca.crt": ca}
        self._database(stack)
        self._broker(stack)
        self._ehr(stack)
        self._camera(stack)
        self._own(ca)

    def _database(self, stack: ExitStack) -> None:
        server = EmbeddedPostgres(self.directory / "postgres")
        stack.callback(server.stop)
        server.start()
        self.dsn = server.dsn()
        pair = self.authority.issue("db.example")
        through = stack.enter_context(pgbouncer(self.dsn, self.directory, "session", 80, host=HERE, pair=pair))  # the wheel has no TLS
        told = psycopg.conninfo.conninfo_to_dict(through)
        reached = {"host": "db.example", "sslmode": "verify-full", "sslrootcert": "/etc/wince/secrets/database/ca.crt"}
        dsn = psycopg.conninfo.make_conninfo(**{**told, **reached})
        self.secrets["wince-database"] = {"dsn": dsn.encode(), "ca.crt": self.authority.file.read_bytes()}

    def _broker(self, stack: ExitStack) -> None:
        certificate, key = self.authority.issue("kafka.example", HERE)
        pem = self.directory / "kafka.pem"
        pem.write_bytes(key.read_bytes() + certificate.read_bytes())
        pem.chmod(0o600)
        peer = KafkaPeer(self.directory / "kafka", tls_pem=pem, closed=True, hosts=[HERE])
        stack.callback(peer.stop)
        peer.start()
        for service, password in kafka_users.admit(peer.administrator()).items():
            self.secrets[f"wince-{service}"] = {"password": password.encode()}
        self.settings |= {"kafka_bootstrap": peer.bootstrap, "kafka_security": "scram"}
        self.files["kafka_ca_file"] = {"secret": "hospital-ca", "key": "ca.crt"}

    def _ehr(self, stack: ExitStack) -> None:
        (port,) = free_ports(1)
        relay = Relay(HERE, port, self.authority.issue("ehr.example"))
        stack.callback(relay.close)
        self.sandbox = EhrSandbox(self.directory / "ehr", port=port, public=f"https://ehr.example:{relay.port}")
        stack.callback(self.sandbox.stop)
        self.sandbox.start()
        client = self.sandbox.new_client()
        self.secrets["wince-ehr"] = {"key.pem": client.key_pem}
        self.settings |= {"ehr_url": self.sandbox.base_url, "ehr_client_id": client.client_id, "ehr_key_id": client.kid}
        self.files |= {"ehr_key_file": {"secret": "wince-ehr", "key": "key.pem"}, "ehr_ca_file": {"secret": "hospital-ca", "key": "ca.crt"}}

    def _camera(self, stack: ExitStack) -> None:
        film = looped(Path(clips).with_name("bed1.mp4"), self.directory / "camera.mp4", seconds=600)
        certificate, key = self.authority.issue("camera.example")
        pem = self.directory / "camera.pem"
        pem.write_bytes(certificate.read_bytes() + key.read_bytes())
        camera = RtspPeer(film, user=LOGIN[0], password=LOGIN[1], pem=pem)
        stack.callback(camera.kill)
        camera.start()
        relay = Relay(HERE, camera.port)
        stack.callback(relay.close)
        self.secrets["wince-cameras"] = {"camera-7": ":".join(LOGIN).encode(), "ca.crt": self.authority.file.read_bytes()}
        seen = {"id": "icu-101-a", "bed": BED, "url": f"rtsps://camera.example:{relay.port}/stream2"}
        login = {"login_file": "/etc/wince/secrets/cameras/camera-7", "ca_file": "/etc/wince/secrets/cameras/ca.crt"}
        self.settings["cameras"] = [seen | login]

    def _own(self, ca: bytes) -> None:
        """What the release's owner makes: keys, tokens, a certificate for each component and for the HL7 listener."""
        pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.secrets["wince-audit-key"] = {"audit.pem": pem}
        self.secrets["wince-logs-key"] = {"logs.key": secrets.token_bytes(32)}
        tokens, token = (
            self.directory / "tokens",
            self._cli("token", "make", "capture", "publish", "--file", str(self.directory / "tokens")),
        )
        self.secrets["wince-tokens"] = {"tokens": tokens.read_bytes()}
        self.secrets["wince-capture-token"] = {"token": token.encode()}
        for component in SERVICES:
            names = [f"w-wince-{component}{end}.default.svc" for end in ("", "-streams", "-pods")]
            self.secrets[f"wince-{component}-tls"] = self._pair(*names) | {"ca.crt": ca}
        self.secrets["wince-mllp-tls"] = self._pair("w-wince-hospital", "w-wince-hospital.default.svc") | {"ca.crt": ca}

    def _pair(self, *names: str) -> dict[str, bytes]:
        certificate, key = self.authority.issue(*names)
        return {"tls.crt": certificate.read_bytes(), "tls.key": key.read_bytes()}

    def _cli(self, *words: str) -> str:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_")}
        done = subprocess.run([sys.executable, "-m", "wince.cli.main", *words], env=clean, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def values(self) -> dict[str, Any]:
        """As the owner of the release would write them."""
        return {
            "settings": self.settings,
            "files": self.files,
            "secrets": {
                "database": {"existingSecret": "wince-database", "extraKeys": ["ca.crt"]},
                "auditKey": {"existingSecret": "wince-audit-key"},
                "logsKey": {"existingSecret": "wince-logs-key"},
                "cameras": {"existingSecret": "wince-cameras"},
            },
            "rpc": {
                "tls": {"existingSecret": "wince-{component}-tls", "mutual": True},
                "tokens": {"existingSecret": "wince-tokens"},
                "captureToken": {"existingSecret": "wince-capture-token"},
            },
            "mllp": {"tls": {"existingSecret": "wince-mllp-tls"}},
            "networkPolicy": {"enabled": False},
            "termination": {"preStopSeconds": 1},
        }

    def admit(self, address: tuple[str, int]) -> None:
        """An A01 over MLLP with TLS, as an interface engine of the hospital sends it."""
        patient = Identifier(SYSTEM, "100234")
        self.sandbox.seed([patient], [(Identifier(SYSTEM, "V1"), patient)])
        person = hl7.Person("100234", "Quastenflosser", "Adelheid", "19410309", "F")
        context = ssl.create_default_context(cafile=str(self.authority.file))
        context.load_cert_chain(*self.authority.issue("engine.example"))
        context.check_hostname = False
        text = hl7.adt("A01", person, BED, "V1", wall_us() - 60_000_000, control_id="V1A01")
        assert hl7.code(hl7.send(*address, text, tls=context)) == "AA"


def rendered(world: World) -> Release:
    """The release, by the newest Helm."""
    file = world.directory / "values.yaml"
    file.write_text(yaml.safe_dump(world.values()))
    said = Helm("helm4", world.directory).run("template", "w", CHART, "--namespace", "default", "-f", file).stdout
    return Release([one for one in yaml.safe_load_all(said) if one], world.secrets)


@contextmanager
def node(world: World, release: Release) -> Iterator[Node]:
    """Where its pods run."""
    programs = {ROOT, Path(sys.base_prefix)}
    made = Node(
        world.directory / "pods",
        release,
        names=world.names,
        programs=[one for one in programs if not one.is_relative_to("/usr")],
        path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        models=Settings().models_dir,
    )
    try:
        yield made
    finally:
        made.end()


def until(what: Callable[[], bool], running: list[Running], seconds: float = 240.0) -> None:
    """Wait for a state; fails where a container ends or time runs out."""
    deadline = time.monotonic() + seconds
    while not what():
        for made in running:
            assert not made.ended(), (made.ended(), made.said())
        assert time.monotonic() < deadline, "\n".join(made.said() for made in running)
        time.sleep(0.5)


def main() -> None:
    """Install, admit, watch, chart, stop."""
    directory = Path(sys.argv[1])
    told: dict[str, Any] = {}
    lay()
    with ExitStack() as stack:
        world = World(directory, stack)
        release = rendered(world)
        here = stack.enter_context(node(world, release))
        pods = release.pods()
        here.place(pods.values())
        for job in release.hooks("pre-install"):
            here.complete(job)
        running = [here.start(pods[name]) for name in ORDER]
        told["ready_s"] = {made.pod.name: round(here.ready(made), 1) for made in running}
        world.admit(here.resolve("mllp"))
        until(lambda: bool(kinds(world) & {"alert"}), running)
        told["kinds"] = sorted(kinds(world))
        told["values"] = [one["valueQuantity"]["value"] for one in world.sandbox.resources("Observation") if "valueQuantity" in one]
        told["subjects"] = sorted({one["subject"]["identifier"]["value"] for one in world.sandbox.resources("Observation")})
        told["live"] = {made.pod.name: all(here.probe(made, one.probes["liveness"]) for one in made.pod.containers) for made in running}
        told["metrics"] = {made.pod.name: scraped(made) for made in running}
        told["codes"] = {made.pod.name: here.stop(made) for made in reversed(running)}
        (checkpoints,) = here.disk(pods["record"]).rglob("audit-checkpoints.jsonl")
        told["trail"] = verified(world, checkpoints)
    print(json.dumps(told), flush=True)


def kinds(world: World) -> set[str]:
    """Kinds of entries that the EHR holds."""
    codings = [coding for one in world.sandbox.resources("Observation") for category in one["category"] for coding in category["coding"]]
    return {coding["code"] for coding in codings if coding["system"] == "urn:wince:entry-kind"}


def scraped(made: Running) -> bool:
    """Whether Prometheus would get something of ours."""
    (port,) = {number for container in made.pod.containers for name, number in container.ports.items() if name == "metrics"}
    with urllib.request.urlopen(f"http://{made.address}:{port}/metrics", timeout=30) as answer:
        return b"wince_" in answer.read()


def verified(world: World, checkpoints: Path) -> int:
    """Exit code of `wince audit verify` on the database and the checkpoints, as an auditor runs it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_")}
    clean |= {
        "WINCE_PG_DSN": world.dsn,
        "WINCE_CHECKPOINT_FILE": str(checkpoints),
        "WINCE_STATE_DIR": str(world.directory / "auditor"),
        "WINCE_AUDIT_KEY_FILE": str(world.directory / "audit.pem"),
    }
    (world.directory / "audit.pem").write_bytes(world.secrets["wince-audit-key"]["audit.pem"])
    (world.directory / "audit.pem").chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-m", "wince.cli.main", "audit", "verify"], env=clean, capture_output=True, text=True, check=False
    )
    print(done.stdout + done.stderr, file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    main()
