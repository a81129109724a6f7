"""One exchange has one limit of time, however its bytes drip; a stop breaks it off; a certificate's fault is named with its remedy."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.certificates import Authority
from tests.support.fhir_tls import tls_fhir
from wince import certificates
from wince.errors import ConfigError, Unavailable
from wince.fhir.client import FhirClient

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Dripping:
    """Accepts, and sends a text byte by byte, with a pause between; then nothing."""

    def __init__(self, text: bytes, pause_s: float) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/fhir"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(text, pause_s), daemon=True)
        self._thread.start()

    def _serve(self, text: bytes, pause_s: float) -> None:
        try:
            while True:
                peer, _ = self._socket.accept()
                with peer:
                    peer.recv(65536)
                    for byte in text:
                        peer.sendall(bytes([byte]))
                        if self._over.wait(pause_s):
                            return
                    self._over.wait(60)
        except OSError:
            return

    def stop(self) -> None:
        self._over.set()
        self._socket.close()
        self._thread.join(10)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"


@pytest.fixture(params=[b"", HEAD, HEAD + b"{" * 4000, b"HTTP/1.1 100 Continue\r\n\r\n" * 500])
def dripping(request: pytest.FixtureRequest) -> Iterator[Dripping]:
    made = Dripping(request.param, 0.02)
    yield made
    made.stop()


def test_the_whole_exchange_has_one_limit(dripping: Dripping) -> None:
    """Each byte comes long before a read's own limit."""
    begun = time.monotonic()
    with pytest.raises(Unavailable), FhirClient(dripping.url, timeout_s=1, verify=PLAIN) as client:
        client.request("GET", "x")
    assert time.monotonic() - begun < 30, "not the 80 s for which it drips"


def test_an_exchange_in_hand_is_broken_off(dripping: Dripping) -> None:
    with FhirClient(dripping.url, timeout_s=300, verify=PLAIN) as client:
        threading.Timer(0.5, client.interrupt).start()
        with pytest.raises(Unavailable):
            client.request("GET", "x")
        with pytest.raises(Unavailable):
            client.request("GET", "x")


def out_of_date(folder: Path) -> tuple[Path, Path]:
    """A certificate of nobody's, which has ended."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now - timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "old.crt", folder / "old.key"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, private


@pytest.mark.parametrize(("fault", "words"), [("expired", "out of date"), ("name", "another name"), ("authority", "WINCE_EHR_CA_FILE")])
def test_a_certificates_fault_is_named_with_its_remedy(tmp_path: Path, fault: str, words: str) -> None:
    ours, theirs = Authority(tmp_path), Authority(tmp_path, "others")
    if fault == "expired":
        certificate, key = out_of_date(tmp_path)
    else:
        certificate, key = ours.issue("elsewhere") if fault == "name" else theirs.issue("localhost")
    trusted = certificates.context(certificate if fault == "expired" else ours.file, "ehr_ca_file")
    with tls_fhir((certificate, key)) as (url, asked), FhirClient(url, verify=trusted) as client, pytest.raises(Unavailable) as caught:
        client.request("GET", "metadata")
    assert words in caught.value.remedy
    assert asked == []


def test_an_ehr_that_asks_for_a_certificate_gets_one(tmp_path: Path) -> None:
    """And one that gets none is said so, not called silent."""
    authority = Authority(tmp_path)
    with tls_fhir(authority.issue("localhost"), smart=False, client_ca=authority.file) as (url, _):
        trusted = certificates.context(authority.file, "ehr_ca_file")
        with FhirClient(url, verify=trusted) as client, pytest.raises(Unavailable) as caught:
            client.request("GET", "metadata")
        assert "ehr_cert_file" in caught.value.remedy
        certificates.show(trusted, *authority.issue("wince"), "ehr_cert_file")
        with FhirClient(url, verify=trusted) as client:
            assert client.request("GET", "metadata").status == 200


@pytest.mark.parametrize("wrong", ["certificate", "key", "alone"])
def test_a_client_certificate_that_can_not_be_used_is_named(tmp_path: Path, wrong: str) -> None:
    certificate, key = Authority(tmp_path).issue("wince")
    made = certificates.context(None, "ehr_ca_file")
    nowhere = tmp_path / "nowhere"
    pair = {"certificate": (nowhere, key), "key": (certificate, certificate), "alone": (certificate, None)}[wrong]
    with pytest.raises(ConfigError) as caught:
        certificates.show(made, *pair, "ehr_cert_file")
    assert "ehr_cert_file" in caught.value.field
