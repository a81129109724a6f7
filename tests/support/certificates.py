"""A certificate authority for tests."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path, name: str = "test authority", days: int = 1) -> None:
        """`days`: until its own certificate ends, and those that it issues."""
        self._days = days
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(self._name, self._key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._certificate = made.sign(self._key, hashes.SHA256())
        self.file = self._write(f"{name}.pem", self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *also: str) -> tuple[Path, Path]:
        """(certificate, key) for a DNS name or an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_alternative(one) for one in (name, *also)])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(subject, key).add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return self._write(f"{name}.crt", made.public_bytes(serialization.Encoding.PEM)), self._write(f"{name}.key", private)

    def client(self, name: str, organization: str = "") -> tuple[Path, Path]:
        """(certificate, key) of a client that is known by its common name and, where one is given, its organization: no address."""
        key = ec.generate_private_key(ec.SECP256R1())
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if organization:
            parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
        made = self._builder(x509.Name(parts), key).sign(self._key, hashes.SHA256())
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file = name.replace(":", "-")
        return self._write(f"{file}.crt", made.public_bytes(serialization.Encoding.PEM)), self._write(f"{file}.key", private)

    def itself(self, *names: str) -> tuple[Path, Path]:
        """(certificate, key) that no authority signed, as cameras make their own."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(self._key.public_key())
        now = datetime.now(UTC)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        builder = builder.not_valid_after(now + timedelta(days=1))
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(one) for one in names]), critical=False)
        private = self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        public = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return self._write("itself.crt", public), self._write("itself.key", private)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=self._days))
        )

    def _write(self, name: str, data: bytes) -> Path:
        path = self._folder / name.replace(" ", "-")
        path.write_bytes(data)
        path.chmod(0o600)
        return path


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def services_tls(directory: Path) -> dict[str, str]:
    """mTLS between the services, as settings: every one shows a certificate of one authority, and believes no other.

    They end so late that no alarm speaks of them.
    """
    authority = Authority(directory, days=400)
    chain, key = authority.issue("wince", "127.0.0.1", "localhost")
    files = {"TLS_CERT_FILE": chain, "TLS_KEY_FILE": key, "TLS_CLIENT_CA_FILE": authority.file, "CA_FILE": authority.file}
    files |= {"CLIENT_CERT_FILE": chain, "CLIENT_KEY_FILE": key}
    return {f"WINCE_RPC__{name}": str(path) for name, path in files.items()}
