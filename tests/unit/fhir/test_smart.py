"""Signing in by SMART Backend Services, against the sandbox's token endpoint, which checks what the standard asks for."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from wince.errors import ConfigError, MessageError, Refused, Unavailable
from wince.fhir.keys import SigningKey, key_set
from wince.fhir.scopes import VERSIONS
from wince.fhir.smart import ASSERTION_TYPE, SmartAuth
from wince.testing.ehr import Credentials, EhrSandbox


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EhrSandbox]:
    with EhrSandbox(tmp_path_factory.mktemp("ehr")) as running:
        yield running


@pytest.fixture(autouse=True)
def behave(ehr: EhrSandbox) -> None:
    ehr.faults.clear()
    ehr.requests.clear()


def auth(ehr: EhrSandbox, credentials: Credentials, **options: object) -> SmartAuth:
    return SmartAuth(ehr.base_url, credentials.client_id, credentials.key_pem, credentials.kid, credentials.scope, **options)  # type: ignore[arg-type]


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_a_token_is_used_until_a_minute_before_its_end() -> None:
    given: list[str] = []

    def answer(_: httpx.Request) -> httpx.Response:
        given.append(f"t{len(given)}")
        return httpx.Response(200, json={"access_token": given[-1], "expires_in": 300})

    clock = [1000.0]
    key = pem(ec.generate_private_key(ec.SECP384R1()))
    transport = httpx.MockTransport(answer)
    smart = SmartAuth("https://e/fhir", "me", key, "k", "s", transport=transport, token_url="https://e/token", now=lambda: clock[0])
    assert smart.token() == "t0"
    clock[0] += 239
    assert smart.token() == "t0"
    clock[0] += 2
    assert smart.token() == "t1"


def test_a_refused_token_is_not_given_again(ehr: EhrSandbox) -> None:
    smart = auth(ehr, ehr.new_client())
    first = smart.token()
    smart.invalidate("another")
    assert smart.token() == first
    smart.invalidate(first)
    assert smart.token() != first


def test_threads_share_one_request(ehr: EhrSandbox) -> None:
    smart = auth(ehr, ehr.new_client())
    ehr.faults.add("slow", on="token", seconds=0.2)
    tokens: list[str] = []
    threads = [threading.Thread(target=lambda: tokens.append(smart.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 8
    assert len(set(tokens)) == 1
    assert ehr.requests["token"] == 1


def test_a_key_that_is_not_registered_is_refused(ehr: EhrSandbox) -> None:
    known = ehr.new_client()
    stranger = Credentials(known.client_id, pem(ec.generate_private_key(ec.SECP384R1())), known.kid, known.scope)
    with pytest.raises(Refused) as caught:
        auth(ehr, stranger).token()
    assert "registered" in caught.value.remedy


@pytest.mark.parametrize("change", [{"kid": "9"}, {"client_id": "nobody"}, {"scope": "system/Patient.d"}, {"scope": "all"}, {"scope": ""}])
def test_wrong_client_kid_or_scope_is_refused(ehr: EhrSandbox, change: dict[str, str]) -> None:
    known = ehr.new_client()
    parts = {"client_id": known.client_id, "key_pem": known.key_pem, "kid": known.kid, "scope": known.scope, **change}
    with pytest.raises(Refused):
        auth(ehr, Credentials(**parts)).token()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "effect", [*({"effect": "status", "status": status} for status in (404, 405, 410, 429, 500, 502, 503)), {"effect": "drop"}]
)
def test_an_endpoint_that_does_not_answer_is_unavailable(ehr: EhrSandbox, effect: dict[str, object]) -> None:
    ehr.faults.add(**effect, on="token", count=1)  # type: ignore[arg-type]
    smart = auth(ehr, ehr.new_client())
    with pytest.raises(Unavailable):
        smart.token()
    assert smart.token()


def test_an_endpoint_that_has_moved_is_found_again() -> None:
    """The address that discovery named answers 404 from now on: discovery is asked again."""
    where, asked = ["/old"], list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path.endswith("smart-configuration"):
            return httpx.Response(200, json={"token_endpoint": f"http://ehr{where[0]}"})
        if request.url.path != where[0]:
            return httpx.Response(404)
        return httpx.Response(200, json={"access_token": f"of {where[0]}", "expires_in": 300})

    key = pem(ec.generate_private_key(ec.SECP384R1()))
    smart = SmartAuth("http://ehr/fhir", "wince", key, "1", "system/Patient.rs", transport=httpx.MockTransport(answer))
    smart.invalidate(smart.token())
    where[0] = "/new"
    with pytest.raises(Unavailable):
        smart.token()
    assert smart.token() == "of /new"
    assert asked.count("/fhir/.well-known/smart-configuration") == 2


def assertion(ehr: EhrSandbox, credentials: Credentials, **claims: object) -> dict[str, str]:
    now = int(time.time())
    body = {
        "iss": credentials.client_id,
        "sub": credentials.client_id,
        "aud": ehr.base_url.removesuffix("/fhir") + "/token",
        "exp": now + 200,
        "jti": "once",
    }
    key = load_pem_private_key(credentials.key_pem, None)
    signed = jwt.encode({**body, **claims}, key, algorithm="ES384", headers={"kid": credentials.kid})  # type: ignore[arg-type]
    scope = credentials.scope
    return {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE, "client_assertion": signed, "scope": scope}


def test_the_sandbox_refuses_what_the_standard_forbids(ehr: EhrSandbox) -> None:
    known = ehr.new_client()
    url = ehr.base_url.removesuffix("/fhir") + "/token"

    def status(**claims: object) -> int:
        return httpx.post(url, data=assertion(ehr, known, **claims)).status_code

    now = int(time.time())
    assert status(jti="a") == 200
    assert status(jti="a") == 400, "a jti that was used before"
    assert status(jti="b", aud="https://elsewhere.example/token") == 400
    assert status(jti="c", exp=now - 10) == 400
    assert status(jti="d", exp=now + 3600) == 400, "more than five minutes"
    assert status(jti="e", sub="other") == 400
    assert httpx.post(url, data={**assertion(ehr, known, jti="f"), "grant_type": "password"}).status_code == 400
    assert httpx.post(url, data={**assertion(ehr, known, jti="g"), "client_assertion": "nonsense"}).status_code == 400


def test_a_client_stays_registered_over_a_restart(tmp_path: Path) -> None:
    with EhrSandbox(tmp_path) as first:
        credentials = first.new_client()
        assert auth(first, credentials).token()
    with EhrSandbox(tmp_path) as again:
        assert auth(again, credentials).token()
        assert again.new_client().key_pem == credentials.key_pem


def test_rsa_keys_sign_rs384() -> None:
    headers: list[dict[str, str]] = []
    claims: list[dict[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"token_endpoint": "https://ehr.example/token"})
        signed = dict(httpx.QueryParams(request.content.decode()))["client_assertion"]
        headers.append(jwt.get_unverified_header(signed))
        claims.append(jwt.decode(signed, options={"verify_signature": False}))
        return httpx.Response(200, json={"access_token": "t", "expires_in": 300})

    key = pem(rsa.generate_private_key(65537, 2048))
    smart = SmartAuth("https://ehr.example/fhir", "me", key, "k1", "system/*.r", transport=httpx.MockTransport(answer), now=lambda: 1000.0)
    assert smart.token() == "t"
    assert headers == [{"alg": "RS384", "typ": "JWT", "kid": "k1"}]
    assert claims[0]["iss"] == claims[0]["sub"] == "me"
    assert claims[0]["aud"] == "https://ehr.example/token"
    assert claims[0]["exp"] == 1240


@pytest.mark.parametrize("key", [b"nonsense", pem(ec.generate_private_key(ec.SECP256R1())), pem(rsa.generate_private_key(65537, 1024))])
def test_a_key_that_smart_does_not_allow_is_named(key: bytes) -> None:
    with pytest.raises(ConfigError):
        SmartAuth("https://ehr.example/fhir", "me", key, "k", "s")


@pytest.mark.parametrize(
    "found", [{}, {"token_endpoint": 3}, {"token_endpoint": "ftp://x"}, {"token_endpoint": "http://ehr.example/token"}]
)
def test_discovery_that_leads_nowhere_or_off_tls_is_named(found: dict[str, object]) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=found))
    key = pem(ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(MessageError):
        SmartAuth("https://ehr.example/fhir", "me", key, "k", "s", transport=transport).token()


def signed_in(content: bytes, *, status: int = 200, headers: dict[str, str] | None = None, **options: object) -> SmartAuth:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content, headers=headers))
    key = pem(ec.generate_private_key(ec.SECP384R1()))
    return SmartAuth("https://e/fhir", "me", key, "k", "s", transport=transport, token_url="https://e/token", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "answer",
    [b"{}", b'{"access_token": ""}', b'{"access_token": " t"}', '{"access_token": "ä"}'.encode(), b'{"access_token": "t\\r\\nX: 1"}',
     b'{"access_token": "t", "token_type": "DPoP"}', b"[]", b"<html>", b""],
)  # fmt: skip
def test_a_token_answer_that_is_useless_is_named(answer: bytes) -> None:
    with pytest.raises(MessageError):
        signed_in(answer).token()


@pytest.mark.parametrize(
    ("said", "renewed_after_s"),
    [('"600"', 540), ("null", 240), ("NaN", 240), ("-1", 15), ('"soon"', 15), ("1e999", 15), ("true", 15), ("{}", 15), ("1e9", 86_340)],
)
def test_a_token_holds_though_its_life_is_odd(said: str, renewed_after_s: int) -> None:
    """As text, null, no number, negative: the token is good, and is renewed in time."""
    clock = [1000.0]
    smart = signed_in(b'{"access_token": "t", "token_type": "BEARER", "expires_in": %s}' % said.encode(), now=lambda: clock[0])
    asked: list[int] = []
    fetch = smart._fetch
    smart._fetch = lambda: asked.append(1) or fetch()  # type: ignore[method-assign, func-returns-value]
    smart.token()
    clock[0] += renewed_after_s - 1
    assert (smart.token(), len(asked)) == ("t", 1)
    clock[0] += 2
    assert (smart.token(), len(asked)) == ("t", 2)


def test_a_token_endpoint_says_when_to_come_again() -> None:
    with pytest.raises(Unavailable) as caught:
        signed_in(b"", status=503, headers={"Retry-After": "7"}).token()
    assert caught.value.retry_after_s == 7


def test_a_firewalls_page_is_no_refusal_of_the_client() -> None:
    with pytest.raises(Unavailable):
        signed_in(b"<html>Request blocked</html>", status=403).token()
    with pytest.raises(Refused, match="400 invalid_client"):
        signed_in(b'{"error": "invalid_client"}', status=400).token()


def test_the_next_key_is_used_once_the_first_is_refused() -> None:
    """A change of keys without a gap: the EHR drops the old one, the next goes on, and is asked first from then on."""
    tried: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assertion = dict(httpx.QueryParams(request.content.decode()))["client_assertion"]
        header = jwt.get_unverified_header(assertion)
        tried.append(header["kid"])
        assert header["jku"] == "https://wince.example/jwks.json"
        return httpx.Response(200, json={"access_token": "t"}) if header["kid"] == "new" else httpx.Response(401, json={})

    following = SigningKey.of(pem(rsa.generate_private_key(65537, 2048)), "new")
    smart = SmartAuth(
        "https://e/fhir", "me", pem(ec.generate_private_key(ec.SECP384R1())), "old", "s", token_url="https://e/token",
        next_keys=[following], key_set_url="https://wince.example/jwks.json", transport=httpx.MockTransport(answer),
    )  # fmt: skip
    for _ in range(2):
        smart.invalidate(smart.token())
    assert tried == ["old", "new", "new"]


def test_the_public_halves_are_published_and_nothing_else() -> None:
    keys = [
        SigningKey.of(pem(ec.generate_private_key(ec.SECP384R1())), "1"),
        SigningKey.of(pem(rsa.generate_private_key(65537, 2048)), "2"),
    ]
    published = json.loads(key_set(keys))["keys"]
    assert [(key["kid"], key["alg"], key["kty"]) for key in published] == [("1", "ES384", "EC"), ("2", "RS384", "RSA")]
    assert not {"d", "p", "q", "dp", "dq", "qi"} & {name for key in published for name in key}
    for key, made in zip(keys, published, strict=True):
        signed = jwt.encode({"a": 1}, key.private, algorithm=key.algorithm)
        assert jwt.decode(signed, jwt.PyJWK(made).key, algorithms=[key.algorithm]) == {"a": 1}
    with pytest.raises(ConfigError):
        key_set([keys[0], keys[0]])


def test_no_token_is_asked_for_in_the_clear_on_another_machine() -> None:
    """A server on this machine may be asked without TLS; the token endpoint that it names elsewhere may not."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"token_endpoint": "http://elsewhere.example/token"}))
    key = pem(ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(MessageError, match="another machine"):
        SmartAuth("http://127.0.0.1:9/fhir", "me", key, "k", "s", transport=transport).token()


def test_scopes_of_both_versions_let_the_same_through(ehr: EhrSandbox) -> None:
    """A client that is registered with either may ask with either."""
    for registered in VERSIONS.values():
        for asked in VERSIONS.values():
            known = ehr.new_client("both", registered)
            bearer = {"Authorization": f"Bearer {auth(ehr, Credentials('both', known.key_pem, known.kid, asked)).token()}"}
            assert httpx.get(f"{ehr.base_url}/Patient", headers=bearer).status_code == 200
            assert httpx.post(f"{ehr.base_url}/Observation", headers=bearer, content=b"{}").status_code == 400
            assert httpx.post(f"{ehr.base_url}/Patient", headers=bearer, content=b"{}").status_code == 403
