"""Files of keys, certificates and logins: what is wrong with each is said, with what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.certificates import Authority
from wince.errors import ConfigError
from wince.rpc.config import RpcSettings
from wince.serve.checks import keys
from wince.serve.checks.finding import Finding, State
from wince.settings import Settings


def key(path: Path, private: Any, mode: int = 0o600, secret: bytes = b"") -> Path:
    lock = BestAvailableEncryption(secret) if secret else NoEncryption()
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    path.chmod(mode)
    return path


def found(tmp_path: Path, **settings: Any) -> dict[str, Finding]:
    return {one.what: one for one in keys.check(Settings(state_dir=tmp_path / "state", **settings))}


def test_everything_as_it_should_be(tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    certificate, private = authority.issue("localhost")
    dsn = tmp_path / "dsn"
    dsn.write_text("host=x")
    dsn.chmod(0o600)
    monkeypatch.setenv("WINCE_PG_DSN_FILE", str(dsn))
    made = found(
        tmp_path,
        audit_key_file=key(tmp_path / "audit.pem", ed25519.Ed25519PrivateKey.generate()),
        ehr_key_file=key(tmp_path / "ehr.pem", ec.generate_private_key(ec.SECP384R1())),
        mllp_cert_file=certificate,
        mllp_key_file=private,
    )
    states = {one.state for what, one in made.items() if what != "mllp_cert_file"}
    assert states == {State.OK}
    assert set(made) == {"audit key", "ehr_key_file", "mllp_key_file", "mllp_cert_file", "WINCE_PG_DSN_FILE"}
    assert made["mllp_cert_file"].state is State.WARNING, "it ends tomorrow"


def test_an_audit_key_that_others_may_read(tmp_path):
    path = key(tmp_path / "audit.pem", ed25519.Ed25519PrivateKey.generate(), 0o644)
    with pytest.raises(ConfigError, match="other users"):
        found(tmp_path, audit_key_file=path)


@pytest.mark.parametrize(
    ("curve", "secret", "said"),
    [(ec.SECP256R1(), b"", "kind"), (ec.SECP384R1(), b"hush", "can't be read")],
)
def test_a_key_that_the_ehr_can_not_take(tmp_path, curve, secret, said):
    path = key(tmp_path / "ehr.pem", ec.generate_private_key(curve), secret=secret)
    one = found(tmp_path, ehr_key_file=path)["ehr_key_file"]
    assert one.state is State.MISSING
    assert said in one.found


def test_a_key_that_everybody_may_read(tmp_path):
    path = key(tmp_path / "ehr.pem", ec.generate_private_key(ec.SECP384R1()), 0o604)
    one = found(tmp_path, ehr_key_file=path)["ehr_key_file"]
    assert one.state is State.WARNING
    assert one.remedy == f"chmod o-rwx {path}"


def test_a_file_that_is_not_there(tmp_path):
    made = found(tmp_path, rpc=RpcSettings(token_file=tmp_path / "none"), ehr_key_file=tmp_path / "none")
    assert {made["rpc.token_file"].state, made["ehr_key_file"].state} == {State.MISSING}
    assert "No such file" in made["rpc.token_file"].found


def test_pairs_that_do_not_belong_together(tmp_path):
    """The certificate of another key, half of a pair, something that is no PEM."""
    authority = Authority(tmp_path)
    certificate, _ = authority.issue("localhost")
    _, other = authority.issue("elsewhere")
    made = found(tmp_path, mllp_cert_file=certificate, mllp_key_file=other, kafka_cert_file=certificate)
    assert "is not the certificate of" in made["mllp_cert_file"].found
    assert "belong together" in made["kafka_cert_file"].found
    text = tmp_path / "text.pem"
    text.write_text("hello")
    text.chmod(0o600)
    made = found(tmp_path, mllp_cert_file=text, mllp_key_file=other)
    assert made["mllp_cert_file"].state is State.MISSING
    assert "PEM" in made["mllp_cert_file"].found


@pytest.mark.parametrize(("days", "state"), [(-1, State.MISSING), (10, State.WARNING), (300, State.OK)])
def test_when_a_certificate_ends(tmp_path, days, state):
    private = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(days=90)).not_valid_after(now + timedelta(days=days))
    certificate = tmp_path / "cert.pem"
    certificate.write_bytes(builder.sign(private, hashes.SHA256()).public_bytes(Encoding.PEM))
    made = found(tmp_path, mllp_cert_file=certificate, mllp_key_file=key(tmp_path / "key.pem", private))
    assert made["mllp_cert_file"].state is state


def test_the_key_of_the_logs_that_replicas_share(tmp_path):
    path = tmp_path / "logs.key"
    assert "logs_key_file" not in found(tmp_path)
    assert found(tmp_path, logs_key_file=path)["logs_key_file"].state is not State.OK
    assert not path.exists()
    path.write_bytes(bytes(32))
    path.chmod(0o644)
    assert "other users" in found(tmp_path, logs_key_file=path)["logs_key_file"].found
    path.chmod(0o600)
    assert found(tmp_path, logs_key_file=path)["logs_key_file"].state is State.OK
