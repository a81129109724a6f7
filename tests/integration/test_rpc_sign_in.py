"""Callers of the site's own sign-in, over real gRPC."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.integration.test_rpc_roles import METHODS, anything, given, outcome, pushed, streaming
from tests.support.issuer import AUDIENCE, EC_KEY, ISSUER, issuer, public, token
from tests.support.rpc import dialled, failure, served
from tests.support.rpc_services import Echo, bearer, echo, tokens
from wince.errors import ConfigError
from wince.rpc.config import RpcSettings
from wince.rpc.jwks import Keys
from wince.rpc.oidc import Oidc
from wince.rpc.oidc_config import OidcSettings
from wince.rpc.server import RpcServer

pytestmark = pytest.mark.timeout(120)

ROLES = ("pain-nurses=nurse", "console=nurse,on_behalf", "cameras=camera", "stages=stage")


def sign_in(where: str) -> Oidc:
    config = OidcSettings(issuer=ISSUER, audience=AUDIENCE, jwks=where, roles=ROLES, sources_claim="cameras", wards_claim="wards")
    return Oidc(config, Keys(where, None))


@pytest.fixture
def dial(tmp_path: Path) -> Iterator[grpc.Channel]:
    file = tokens(tmp_path / "tokens", "nurse nurse nurse-token-0123456789\n")
    with issuer() as other, served(*anything(), token_file=file, sign_in=sign_in(other.url)) as server, dialled(server.port) as channel:
        yield channel


VERDICT = "/wince.api.care.v1.CareService/GiveVerdict"


def test_the_author_is_who_signed_in(dial: grpc.Channel):
    nurse, console = bearer(token(wards="*")), bearer(token(sub="console", roles="console", wards="*"))
    for who, said, wanted in (
        (nurse, "", "OK"),
        (nurse, "n-17", "OK"),
        (nurse, "oidc:n-17", "PERMISSION_DENIED"),
        (nurse, "n-18", "PERMISSION_DENIED"),
        (console, "n-18", "OK"),
        (bearer("nurse-token-0123456789"), "nurse", "OK"),
    ):
        assert outcome(dial, VERDICT, who, given(said)) == wanted, said


def test_every_rpc_by_who_has_no_role_here(dial: grpc.Channel):
    """Signed in, known, and without a right; and with a token that nobody believes."""
    for text, code in ((token(roles=["other"]), "PERMISSION_DENIED"), (token(aud="billing"), "UNAUTHENTICATED")):
        assert {outcome(dial, name, bearer(text)) for name in METHODS} == {code}


def test_what_binds_it_holds_over_the_wire(dial: grpc.Channel):
    name = "/wince.api.capture.v1.CaptureService/PushFrames"
    box = bearer(token(roles=["cameras"], cameras=["cam-1"]))
    for source, code in (("cam-1", "OK"), ("cam-2", "PERMISSION_DENIED")):
        assert outcome(dial, name, box, pushed(source)) == code
    assert outcome(dial, name, bearer(token(roles=["cameras"])), pushed("cam-1")) == "PERMISSION_DENIED"


def test_a_huge_token_is_turned_away(dial: grpc.Channel):
    """Beyond what we read, and beyond what gRPC takes as metadata."""
    assert outcome(dial, VERDICT, bearer(token(roles=["x" * 9000])), given("")) == "UNAUTHENTICATED"
    assert outcome(dial, VERDICT, bearer(token(roles=["x" * 40_000])), given("")) == "RESOURCE_EXHAUSTED"
    assert outcome(dial, VERDICT, bearer(token(wards="*")), given("")) == "OK"


def test_a_stream_ends_with_its_sign_in():
    with issuer() as other:
        config = OidcSettings(issuer=ISSUER, audience=AUDIENCE, jwks=other.url, roles=ROLES, leeway_s=0)
        short = token(roles=["stages"], exp=int(time.time()) + 4)
        with served(echo(Echo()), sign_in=Oidc(config.model_copy(update={"roles": ROLES[3:]}))) as server:  # noqa: SIM117
            with streaming(server.port, short) as (answers, _):
                with pytest.raises(grpc.RpcError) as caught:
                    for _ in answers:
                        pass
                assert failure(caught.value).code is grpc.StatusCode.UNAUTHENTICATED


def test_a_stream_ends_when_the_issuer_drops_its_key(tmp_path: Path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [public(EC_KEY, "ec"), public_rsa()]}))
    config = OidcSettings(issuer=ISSUER, audience=AUDIENCE, jwks=str(file), roles=ROLES[3:])
    with served(echo(Echo()), sign_in=Oidc(config)) as server, streaming(server.port, token(roles=["stages"])) as (answers, _):
        file.write_text(json.dumps({"keys": [public(EC_KEY, "ec")]}))
        with pytest.raises(grpc.RpcError) as caught:
            for _ in answers:
                pass
        assert failure(caught.value).code is grpc.StatusCode.UNAUTHENTICATED


def public_rsa() -> dict[str, object]:
    from tests.support.issuer import RSA_KEY

    return public(RSA_KEY, "rsa")


def test_a_sign_in_is_authentication_enough_beyond_loopback(tmp_path: Path):
    from tests.support.certificates import Authority

    cert, key = Authority(tmp_path).issue("localhost")
    config = RpcSettings(host="0.0.0.0", tls_cert_file=cert, tls_key_file=key)
    with pytest.raises(ConfigError):
        RpcServer([], config)
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [public_rsa()]}))
    RpcServer([], config, sign_in=sign_in(str(file)))
