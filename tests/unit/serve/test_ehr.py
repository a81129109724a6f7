"""One way to the EHR: own authority, no SMART by an explicit setting, nothing readable beyond this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.certificates import Authority
from tests.support.fhir_tls import tls_fhir
from wince.errors import ConfigError, Unavailable
from wince.fhir.smart import SmartAuth
from wince.serve import ehr
from wince.serve.targets import every
from wince.settings import Settings


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_an_ehr_behind_the_hospitals_own_authority(tmp_path: Path, key: Path, stack: ExitStack) -> None:
    """The file is believed at the FHIR server and at the token endpoint."""
    authority = Authority(tmp_path)
    with tls_fhir(authority.issue("localhost")) as (url, asked):
        settings = Settings(ehr_url=url, ehr_key_file=key, ehr_ca_file=authority.file)
        assert ehr.client(settings, stack).capabilities().can("Observation", "create")
    assert asked == ["GET /fhir/.well-known/smart-configuration", "POST /fhir/token", "GET /fhir/metadata Bearer t"]


def test_the_authority_of_the_environment(tmp_path: Path, key: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE counts where no file is set."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with tls_fhir(authority.issue("localhost")) as (url, _):
        assert ehr.client(Settings(ehr_url=url, ehr_key_file=key), stack).capabilities().interactions


@pytest.mark.parametrize("name", ["localhost", "elsewhere"])
@pytest.mark.parametrize("auth", ["smart", "none"])
def test_a_stranger_is_told_nothing(tmp_path: Path, key: Path, stack: ExitStack, name: str, auth: str) -> None:
    """Neither one of another authority nor one with another's name; the message says that it is the certificate, and what to set."""
    ours, others = Authority(tmp_path), Authority(tmp_path, "others")
    with tls_fhir((others if name == "localhost" else ours).issue(name)) as (url, asked):
        settings = Settings(ehr_url=url, ehr_auth=auth, ehr_key_file=key if auth == "smart" else None, ehr_ca_file=ours.file)
        with pytest.raises(Unavailable, match="certificate is not believed") as caught:
            ehr.client(settings, stack).capabilities()
    assert ("WINCE_EHR_CA_FILE" if name == "localhost" else "another name") in caught.value.remedy
    assert asked == []


def test_a_server_without_smart(tmp_path: Path, stack: ExitStack) -> None:
    """Only by an explicit setting; then nothing is asked for but the resources."""
    authority = Authority(tmp_path)
    with tls_fhir(authority.issue("localhost"), smart=False) as (url, asked):
        settings = Settings(ehr_url=url, ehr_auth="none", ehr_ca_file=authority.file)
        assert ehr.client(settings, stack).capabilities().interactions
        with pytest.raises(ConfigError) as caught:
            ehr.client(Settings(ehr_url=url, ehr_ca_file=authority.file), stack)
    assert asked == ["GET /fhir/metadata"]
    assert caught.value.field == "WINCE_EHR_KEY_FILE"
    assert "WINCE_EHR_AUTH" in caught.value.remedy


def test_nothing_goes_readable_beyond_this_machine(key: Path, stack: ExitStack) -> None:
    for auth in ("smart", "none"):
        settings = Settings(ehr_url="http://ehr.example/fhir", ehr_auth=auth, ehr_key_file=key if auth == "smart" else None)
        with pytest.raises(ConfigError, match="without TLS") as caught:
            ehr.client(settings, stack)
        assert "insecure_ehr_beyond_loopback" in caught.value.remedy
        ehr.client(settings.model_copy(update={"insecure_ehr_beyond_loopback": True}), stack)
        ehr.client(settings.model_copy(update={"ehr_url": "http://127.0.0.1:9/fhir"}), stack)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"ehr_auth": "none"}, "ehr_key_file"),
        ({"ehr_ca_file": "/nowhere/ca.pem"}, "ehr_ca_file=/nowhere/ca.pem"),
        ({"ehr_ca_file": __file__}, f"ehr_ca_file={__file__}"),
        ({"ehr_key_file": "/nowhere/key.pem"}, "/nowhere/key.pem"),
        ({"ehr_token_url": "http://login.example/token"}, "ehr_token_url"),
        ({"ehr_cert_file": "/nowhere/client.crt"}, "ehr_cert_file"),
        ({"ehr_cert_file": "/nowhere/client.crt", "ehr_cert_key_file": "/nowhere/client.key"}, "ehr_cert_file=/nowhere/client.crt"),
        ({"ehr_next_key_file": "SAME", "ehr_next_key_id": "1"}, "ehr_next_key_id"),
    ],
)
def test_what_can_not_be_meant(key: Path, stack: ExitStack, wrong: dict[str, str], field: str) -> None:
    wrong = {name: str(key) if value == "SAME" else value for name, value in wrong.items()}
    with pytest.raises(ConfigError) as caught:
        ehr.client(Settings(**{"ehr_url": "https://ehr.example/fhir", "ehr_key_file": key, **wrong}), stack)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_without_an_ehr_there_is_no_target(stack: ExitStack) -> None:
    """Services go on without one; `wince run` and `wince up` start the sandbox."""
    assert every.targets(Settings(), {}, stack) == []


@pytest.mark.parametrize(("scopes", "asked_for"), [
    ("v2", "system/Observation.crus"), ("v1", "system/Observation.write"), ("a/b.c d", "a/b.c d"),
])  # fmt: skip
def test_scopes_and_token_endpoint_as_set(tmp_path: Path, key: Path, stack: ExitStack, scopes: str, asked_for: str) -> None:
    """Discovery is not asked where the endpoint is named."""
    authority = Authority(tmp_path)
    with tls_fhir(authority.issue("localhost")) as (url, asked):
        token_url = url.replace("/fhir", "/token")
        settings = Settings(ehr_url=url, ehr_key_file=key, ehr_ca_file=authority.file, ehr_scopes=scopes, ehr_token_url=token_url)
        client = ehr.client(settings, stack)
        assert isinstance(client._auth, SmartAuth)
        assert asked_for in client._auth._scope
        client.capabilities()
    assert asked == ["POST /token", "GET /fhir/metadata Bearer t"]


def test_an_ehr_that_asks_for_a_certificate_and_a_key(tmp_path: Path, key: Path, stack: ExitStack) -> None:
    """Mutual TLS at the FHIR server and at the token endpoint."""
    authority = Authority(tmp_path)
    certificate, private = authority.issue("wince")
    with tls_fhir(authority.issue("localhost"), client_ca=authority.file) as (url, asked):
        named = {"ehr_url": url, "ehr_key_file": key, "ehr_ca_file": authority.file}
        settings = Settings(**named, ehr_cert_file=certificate, ehr_cert_key_file=private)  # type: ignore[arg-type]
        assert ehr.client(settings, stack).capabilities().interactions
        with pytest.raises(Unavailable) as caught:
            ehr.client(Settings(**named), stack).capabilities()  # type: ignore[arg-type]
    assert "ehr_cert_file" in caught.value.remedy
    assert len(asked) == 3
