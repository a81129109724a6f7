"""Tokens of the site's own sign-in: what is believed, and every way in that isn't."""

import asyncio
import base64
import json
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.issuer import AUDIENCE, EC_KEY, ED_KEY, ISSUER, RSA_KEY, STRANGER, claims, issuer, key_set, public, token
from wince.domain.reach import EVERYTHING, Bounds
from wince.errors import ConfigError, Unavailable
from wince.rpc import jwks
from wince.rpc.errors import Unauthenticated
from wince.rpc.jwks import Keys
from wince.rpc.oidc import Oidc
from wince.rpc.oidc_config import OidcSettings, check
from wince.rpc.roles import Role

WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)
ROLES = ("pain-nurses=nurse", "pain-it=operator,reader", "console=nurse,on_behalf")


def settings(where: object, **more: object) -> OidcSettings:
    given = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": str(where), "roles": ROLES, "algorithms": ("RS256", "ES256", "EdDSA")}
    return OidcSettings(**{**given, **more})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    secret = {"kty": "oct", "kid": "oct", "k": base64.urlsafe_b64encode(b"s" * 32).decode()}
    path.write_bytes(key_set(secret, public(WEAK, "weak"), public(STRANGER, "enc", use="enc"), {"kty": "RSA", "kid": "broken"}))
    return path


def of(where: Oidc, text: str):
    assert where.may_be(text)
    return asyncio.run(where.of(text))


@pytest.mark.parametrize(("key", "algorithm", "kid"), [(RSA_KEY, "RS256", "rsa"), (EC_KEY, "ES256", "ec"), (ED_KEY, "EdDSA", "ed")])
def test_who_has_signed_in(file, key, algorithm, kid):
    who = of(Oidc(settings(file)), token(key, algorithm, kid))
    assert (who.name, who.author, who.roles, who.bounds) == ("oidc:n-17", "n-17", {Role.NURSE}, EVERYTHING)
    assert who.until_s == pytest.approx(time.time() + 630, abs=60)


@pytest.mark.parametrize(
    ("said", "more", "roles"),
    [
        (["pain-it", "pain-nurses", "other"], {}, {Role.OPERATOR, Role.READER, Role.NURSE}),
        ("other pain-it", {}, {Role.OPERATOR, Role.READER}),
        (["other"], {}, set()),
        (None, {}, set()),
        (7, {}, set()),
        ([7, None, "console"], {}, {Role.NURSE, Role.ON_BEHALF}),
    ],
)
def test_what_its_roles_mean(file, said, more, roles):
    assert of(Oidc(settings(file)), token(roles=said)).roles == roles
    nested = Oidc(settings(file, roles_claim="realm_access.roles"))
    assert of(nested, token(realm_access={"roles": said})).roles == roles
    assert of(nested, token(**{"realm_access.roles": said})).roles == roles
    assert of(nested, token(realm_access="pain-it")).roles == set()


def test_what_binds_a_caller(file):
    bound = Oidc(settings(file, wards_claim="wards", beds_claim="beds"))
    assert of(bound, token(wards=["ICU", "PACU"])).bounds == Bounds(beds=frozenset(), wards=frozenset({"ICU", "PACU"}))
    assert of(bound, token(beds="OR A^1^B")).bounds == Bounds(beds=frozenset({"OR A^1^B"}), wards=frozenset())
    assert of(bound, token()).bounds == Bounds(beds=frozenset(), wards=frozenset()), "a token without the claim reaches nothing"
    assert of(bound, token(wards="*")).bounds == EVERYTHING


def crafted(header: object, payload: object, signature: bytes = b"") -> str:
    parts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (header, payload)] + [signature]
    return ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts)


def mixed() -> str:
    """One token's signature under another's claims."""
    head, _, tail = token().split(".")
    return f"{head}.{token(sub='n-1').split('.')[1]}.{tail}"


PEM = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hs256(secret: bytes, kid: str) -> str:
    import hashlib
    import hmac

    unsigned = crafted({"alg": "HS256", "kid": kid}, claims()).rpartition(".")[0]
    signature = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


ATTACKS = {
    "no signature": lambda: crafted({"alg": "none", "kid": "rsa"}, claims()),
    "alg None": lambda: crafted({"alg": "None", "kid": "rsa"}, claims()),
    "alg of another kind": lambda: crafted({"alg": ["RS256"], "kid": "rsa"}, claims()),
    "signed with the public key": lambda: hs256(PEM, "rsa"),
    "signed with a secret of the set": lambda: hs256(b"s" * 32, "oct"),
    "an empty signature": lambda: token().rpartition(".")[0] + ".",
    "another's signature": mixed,
    "a stranger's key": lambda: token(STRANGER),
    "a stranger's key, brought along": lambda: token(STRANGER, headers={"jwk": public(STRANGER, "rsa")}),
    "a key set elsewhere": lambda: token(STRANGER, headers={"jku": "https://evil.example/keys"}),
    "a key for encryption": lambda: token(STRANGER, kid="enc"),
    "a weak key": lambda: token(WEAK, kid="weak"),
    "an algorithm that is not on the list": lambda: token(algorithm="RS512"),
    "a key of another kind": lambda: token(RSA_KEY, kid="ec"),
    "an unknown key": lambda: token(kid="other"),
    "a key id of another kind": lambda: crafted({"alg": "RS256", "kid": {"a": 1}}, claims(), b"x"),
    "a long key id": lambda: token(kid="k" * 300),
    "a critical extension": lambda: token(headers={"crit": ["exp"], "exp": 1}),
    "another issuer": lambda: token(iss="https://login.hospital.example/realms/other"),
    "an issuer with more": lambda: token(iss=ISSUER + "/"),
    "another audience": lambda: token(aud="billing"),
    "no audience": lambda: token(aud=None),
    "no issuer": lambda: token(iss=None),
    "no end": lambda: token(exp=None),
    "over": lambda: token(exp=int(time.time()) - 60),
    "not yet": lambda: token(nbf=int(time.time()) + 3600),
    "issued in the future": lambda: token(iat=int(time.time()) + 3600),
    "an end without end": lambda: token(exp=float("inf")),
    "an end that is text": lambda: token(exp="soon"),
    "no subject": lambda: token(sub=None),
    "an empty subject": lambda: token(sub=" "),
    "a subject with a control character": lambda: token(sub="n-17\n"),
    "a long subject": lambda: token(sub="n" * 200),
    "a subject of another kind": lambda: token(sub=17),
    "brackets": lambda: crafted(b"[" * 3000, claims()),
    "brackets in the claims": lambda: crafted({"alg": "RS256", "kid": "rsa"}, b'{"a":' + b"[" * 3000),
    "no JSON": lambda: crafted(b"ey\xff", b"\xff\xfe"),
    "nothing": lambda: "ey..",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_not_believed(file, attack):
    where = Oidc(settings(file))
    with pytest.raises(Unauthenticated) as caught:
        asyncio.run(where.of(ATTACKS[attack]()))
    assert caught.value.message == "the token is not believed", "whatever was wrong"


def test_the_leeway_is_given_and_no_more(file):
    late = token(exp=int(time.time()) - 20)
    assert of(Oidc(settings(file)), late).subject == "n-17"
    with pytest.raises(Unauthenticated):
        of(Oidc(settings(file, leeway_s=1)), late)


class Time:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_flood_of_unknown_keys_asks_the_issuer_once_in_a_while():
    with issuer() as other:
        clock = Time()
        keys = Keys(other.url, None, clock)
        where = Oidc(settings(other.url), keys)

        async def flood(count: int) -> list[BaseException | object]:
            return await asyncio.gather(*(where.of(token(kid=f"k{n}")) for n in range(count)), return_exceptions=True)

        assert all(isinstance(one, Unauthenticated) for one in asyncio.run(flood(200)))
        assert other.asked == 1
        other.body = key_set(public(STRANGER, "new"))
        assert isinstance(asyncio.run(flood(1))[0], Unauthenticated)
        assert other.asked == 1
        clock.now_s += jwks.APART_S + 1
        assert of(where, token(STRANGER, kid="new")).subject == "n-17", "a new key is found once the issuer may be asked again"
        assert other.asked == 2


def test_an_issuer_that_is_away_lets_known_keys_count_for_a_while():
    with issuer() as other:
        clock = Time()
        where = Oidc(settings(other.url), Keys(other.url, None, clock))
        assert of(where, token()).subject == "n-17"
        other.status = 500
        clock.now_s += jwks.KEPT_S - 1
        assert of(where, token()).subject == "n-17"
        clock.now_s += 2
        with pytest.raises(Unavailable):
            of(where, token())
        other.status = 200
        clock.now_s += jwks.APART_S + 1
        assert of(where, token()).subject == "n-17"


def test_a_key_that_the_issuer_drops_counts_no_more():
    with issuer() as other:
        clock = Time()
        keys = Keys(other.url, None, clock)
        where = Oidc(settings(other.url), keys)
        before = keys.version

        async def drive() -> None:
            assert (await where.of(token())).subject == "n-17"
            assert keys.version == before + 1
            other.body = json.dumps({"keys": [public(EC_KEY, "ec")]}).encode()
            clock.now_s += jwks.FRESH_S + 1
            where.look()
            while keys.version < before + 2:
                await asyncio.sleep(0.01)
            with pytest.raises(Unauthenticated):
                await where.of(token())

        asyncio.run(asyncio.wait_for(drive(), 60))


@pytest.mark.parametrize(
    "spoil",
    [
        {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}},
        {"status": 404},
        {"body": b"<html>"},
        {"body": b"[" * 100_000},
        {"body": b'{"keys": {}}'},
        {"body": b'{"keys": ["a", null, {"kty": []}, {"kty": "RSA", "n": 1, "e": "AQAB"}]}'},
        {"body": b" " * (jwks.LARGEST + 1)},
        {"body": json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"}]}).encode()},
    ],
    ids=["redirect", "404", "html", "brackets", "an object", "odd keys", "too large", "a secret"],
)
def test_what_is_no_key_set_lets_nobody_in(spoil):
    with issuer() as other:
        for name, value in spoil.items():
            setattr(other, name, value)
        with pytest.raises(Unavailable):
            of(Oidc(settings(other.url)), token())


def test_nobody_answers():
    with issuer() as other:
        url = other.url
    with pytest.raises(Unavailable):
        of(Oidc(settings(url)), token())


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"audience": ""}, "oidc.audience"),
        ({"jwks": ""}, "oidc.jwks"),
        ({"roles": ()}, "oidc.roles"),
        ({"issuer": ""}, "oidc.issuer"),
        ({"roles": ("pain-nurses",)}, "oidc.roles"),
        ({"roles": ("a=nurse", "a=reader")}, "oidc.roles"),
        ({"roles": ("a=chief",)}, "oidc.roles"),
        ({"roles": ("a=camera",)}, "oidc.roles"),
        ({"jwks": "http://login.hospital.example/certs"}, "oidc.jwks"),
        ({"jwks": "https://user:secret@login.hospital.example/certs"}, "oidc.jwks"),
    ],
)
def test_settings_that_can_not_work(more, field):
    with pytest.raises(ConfigError) as caught:
        check(settings("/keys.json", **more))
    assert caught.value.field == field
    assert "secret" not in caught.value.diagnostics()


def test_a_file_without_keys_is_said_at_the_start(tmp_path):
    (tmp_path / "keys.json").write_text("{}")
    for path in (tmp_path / "keys.json", tmp_path / "none"):
        with pytest.raises(ConfigError):
            Oidc(settings(path))
    with pytest.raises(ValueError, match="algorithms"):
        settings("/k", algorithms=("HS256",))
    assert jwt.get_unverified_header(token())["alg"] == "RS256"
