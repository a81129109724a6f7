"""The hospital around a release: database, broker, EHR and camera, each behind TLS as beyond one machine; and what the owner makes."""

from __future__ import annotations

import os
import secrets
import ssl
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.e2e.chart.manifests import Release
from tests.support.certificates import Authority
from tests.support.containers import Ground
from tests.support.kube.tools import Helm
from tests.support.pgbouncer import pgbouncer
from wince.clock import wall_us
from wince.domain.stay import Identifier
from wince.local import kafka_users
from wince.local.ports import free_ports
from wince.local.postgres.server import EmbeddedPostgres
from wince.testing import hl7
from wince.testing.clips import __file__ as clips
from wince.testing.ehr import EhrSandbox
from wince.testing.peers import KafkaPeer
from wince.testing.peers.rtsp import RtspPeer, looped

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "wince"
BED, SYSTEM = "ICU^101^A", "urn:wince:authority:HOSP"
LOGIN = ("wince", "bedside")
PEERS = ("cameras", "database", "dicomSenders", "ehr", "kafka", "mllpSenders")
SERVICES = ("capture", "detect", "estimate", "grade", "record", "care", "hospital", "imaging")
MODALITY = "CART7"
"""Title of who may send DICOM."""


class World:
    """The hospital around the release: database, broker, EHR, camera, each behind TLS, as beyond one machine."""

    def __init__(self, directory: Path, ground: Ground, stack: ExitStack) -> None:
        """directory: reachable by every user. ground: the network of the pods."""
        self._ground = ground
        self.directory = directory
        self.authority = Authority(directory, "hospital ca")
        self.secrets: dict[str, dict[str, bytes]] = {}
        self.settings: dict[str, Any] = {"site": "st-mary", "time_zone": "Europe/Berlin", "retention_assessments_days": 365}
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
        through = stack.enter_context(
            pgbouncer(self.dsn, self.directory, "session", 80, host=self._ground.here, pair=pair)
        )  # the wheel has no TLS
        self._ground.names["db.example"] = self._ground.here
        told = psycopg.conninfo.conninfo_to_dict(through)
        reached = {"host": "db.example", "sslmode": "verify-full", "sslrootcert": "/etc/wince/secrets/database/ca.crt"}
        dsn = psycopg.conninfo.make_conninfo(**{**told, **reached})
        self.secrets["wince-database"] = {"dsn": dsn.encode(), "ca.crt": self.authority.file.read_bytes()}

    def _broker(self, stack: ExitStack) -> None:
        certificate, key = self.authority.issue("kafka.example", self._ground.here)
        pem = self.directory / "kafka.pem"
        pem.write_bytes(key.read_bytes() + certificate.read_bytes())
        pem.chmod(0o600)
        peer = KafkaPeer(self.directory / "kafka", tls_pem=pem, closed=True, hosts=[self._ground.here])
        stack.callback(peer.stop)
        peer.start()
        for service, password in kafka_users.admit(peer.administrator()).items():
            self.secrets[f"wince-{service}"] = {"password": password.encode()}
        self.settings |= {"kafka_bootstrap": peer.bootstrap, "kafka_security": "scram"}
        self.files["kafka_ca_file"] = {"secret": "hospital-ca", "key": "ca.crt"}

    def _ehr(self, stack: ExitStack) -> None:
        (port,) = free_ports(1)
        self._ground.lend("ehr.example", 443, ("127.0.0.1", port), self.authority.issue("ehr.example"))
        self.sandbox = EhrSandbox(self.directory / "ehr", port=port, public="https://ehr.example")
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
        self._ground.lend("camera.example", 322, ("127.0.0.1", camera.port))
        self.secrets["wince-cameras"] = {"camera-7": ":".join(LOGIN).encode(), "ca.crt": self.authority.file.read_bytes()}
        seen = {"id": "icu-101-a", "bed": BED, "url": "rtsps://camera.example/stream2"}
        login = {"login_file": "/etc/wince/secrets/cameras/camera-7", "ca_file": "/etc/wince/secrets/cameras/ca.crt"}
        self.settings["cameras"] = [seen | login]

    def _own(self, ca: bytes) -> None:
        """What the release's owner makes: keys, tokens, a certificate for each component and for the HL7 listener."""
        pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.secrets["wince-audit-key"] = {"audit.pem": pem}
        self.secrets["wince-logs-key"] = {"logs.key": secrets.token_bytes(32)}
        tokens = self.directory / "tokens"
        token = _cli("token", "make", "capture", "publish", "--file", str(tokens)).stdout.strip()
        self.secrets["wince-tokens"] = {"tokens": tokens.read_bytes()}
        self.secrets["wince-capture-token"] = {"token": token.encode()}
        for component in SERVICES:
            names = [f"w-wince-{component}{end}.default.svc" for end in ("", "-streams", "-pods")]
            self.secrets[f"wince-{component}-tls"] = self._pair(*names) | {"ca.crt": ca}
        self.secrets["wince-dicom-tls"] = self._pair("w-wince-dicom.default.svc") | {"ca.crt": ca}
        self.settings["dicom_peers"] = [f"{MODALITY}@{self._ground.here}"]
        self.secrets["wince-mllp-tls"] = self._pair("w-wince-hospital", "w-wince-hospital.default.svc") | {"ca.crt": ca}

    def _pair(self, *names: str) -> dict[str, bytes]:
        certificate, key = self.authority.issue(*names)
        return {"tls.crt": certificate.read_bytes(), "tls.key": key.read_bytes()}

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
            "components": {"imaging": {"enabled": True}},
            "dicom": {"enabled": True, "tls": {"existingSecret": "wince-dicom-tls"}},
            "networkPolicy": {name: {"peers": [{"ipBlock": {"cidr": f"{self._ground.here}/32"}}]} for name in PEERS},
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

    def echoes(self, address: tuple[str, int], title: str) -> bool:
        """Whether the storage server answers a C-ECHO over TLS with a client certificate, as a cart's modality asks it."""
        certificate, key = self.authority.issue("cart.example")
        tls = ["+tls", str(key), str(certificate), "+cf", str(self.authority.file)]
        words = ["echoscu", "-aet", title, "-aec", "WINCE", *tls, address[0], str(address[1])]
        return subprocess.run(words, capture_output=True, timeout=60, check=False).returncode == 0

    def release(self) -> Release:
        """Rendered by the newest Helm."""
        file = self.directory / "values.yaml"
        file.write_text(yaml.safe_dump(self.values()))
        said = Helm("helm4", self.directory).run("template", "w", CHART, "--namespace", "default", "-f", file).stdout
        return Release([one for one in yaml.safe_load_all(said) if one], self.secrets)

    def kinds(self) -> set[str]:
        """Kinds of entries that the EHR holds."""
        codings = [coding for one in self.sandbox.resources("Observation") for category in one["category"] for coding in category["coding"]]
        return {coding["code"] for coding in codings if coding["system"] == "urn:wince:entry-kind"}

    def facts(self, event: str) -> int:
        """How many links of the audit trail are of this event."""
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute("SELECT count(*) FROM audit WHERE event = %s", (event,)).fetchone()
        assert row is not None
        return int(row[0])

    def verified(self, checkpoints: Path) -> subprocess.CompletedProcess[str]:
        """`wince audit verify` on the database and the checkpoints, as an auditor runs it."""
        key = self.directory / "audit.pem"
        key.write_bytes(self.secrets["wince-audit-key"]["audit.pem"])
        key.chmod(0o600)
        state = {"WINCE_STATE_DIR": str(self.directory / "auditor"), "WINCE_AUDIT_KEY_FILE": str(key)}
        return _cli("audit", "verify", WINCE_PG_DSN=self.dsn, WINCE_CHECKPOINT_FILE=str(checkpoints), **state)


def _cli(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_")} | settings
    return subprocess.run([sys.executable, "-m", "wince.cli.main", *words], env=clean, capture_output=True, text=True, check=False)
