"""By what the nodes of a Kafka that was started here, and its administrator, know each other: certificates, new at each start.

Everybody else signs in by SCRAM on the clients' listener (`local/kafka_users.py`). SCRAM is not for nodes: they need each other before
the metadata in which passwords stand can be read. TLS is not for clients on this machine: nobody else can read loopback, and a frame
costs the broker four times as much, since a virtual machine that is told to start quickly has no fast AES (bench/kafka_sign_in.py).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from wince.bus.kafka_options import KafkaOptions

NAME = "wince-node"
"""Common name of the one certificate that nodes and administrator show."""
LASTS = timedelta(days=3650)
"""Longer than a node runs without a start."""
MECHANISMS = "SCRAM-SHA-512,SCRAM-SHA-256"
_AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class NodeCredentials:
    """One certificate that signs itself, for all nodes: who holds its key may do everything. Only the directory's owner can read it."""

    def __init__(self, directory: Path, hosts: Sequence[str]) -> None:
        """directory: of the cluster. hosts: addresses of its nodes."""
        self._hosts = sorted(set(hosts))
        self._certificate, self._key = directory / "node.crt", directory / "node.key"
        self._both = directory / "node.pem"

    def renew(self) -> None:
        """Make another key and certificate; the ones before are believed by nobody who starts now. Raises OSError."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + LASTS)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host)) for host in self._hosts]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        public = made.public_bytes(Encoding.PEM)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for path, content in ((self._certificate, public), (self._key, private), (self._both, private + public)):
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(content)

    def properties(self) -> dict[str, str]:
        """A node's settings: certificates between nodes, SCRAM for clients, and nothing allowed that was not granted. Holds no secret."""
        found = {"authorizer.class.name": _AUTHORIZER, "super.users": f"User:CN={NAME}", "allow.everyone.if.no.acl.found": "false"}
        for listener in ("inner", "controller"):
            name = f"listener.name.{listener}.ssl."
            found |= {f"{name}keystore.type": "PEM", f"{name}keystore.location": str(self._both), f"{name}client.auth": "required"}
            found |= {f"{name}truststore.type": "PEM", f"{name}truststore.location": str(self._certificate)}
        name = "listener.name.client."
        found |= {f"{name}sasl.enabled.mechanisms": MECHANISMS}
        return found | {f"{name}{mechanism.lower()}.sasl.jaas.config": _SCRAM for mechanism in MECHANISMS.split(",")}

    def administrator(self, bootstrap: str) -> KafkaOptions:
        """How to reach the nodes' own listener with every right."""
        return KafkaOptions(bootstrap, "tls", ca_file=self._certificate, cert_file=self._certificate, key_file=self._key, connect_s=30.0)
