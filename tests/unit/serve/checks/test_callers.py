"""What doctor says of who may call."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.issuer import AUDIENCE, EC_KEY, ISSUER, issuer, public
from tests.support.rpc_services import tokens
from wince.rpc.config import RpcSettings
from wince.rpc.oidc_config import OidcSettings
from wince.serve.checks import callers
from wince.serve.checks.finding import Finding, State
from wince.settings import Settings


def found(tmp_path: Path, **settings: Any) -> list[Finding]:
    return list(callers.check(Settings(state_dir=tmp_path / "state", **settings)))


def test_nothing_is_set(tmp_path):
    assert found(tmp_path) == []


def test_a_file_is_counted_and_what_ends_is_said(tmp_path):
    soon = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"
    file = tokens(
        tmp_path / "t", f"a publish a-token-0123456789abc\nb reader b-token-0123456789abc until={soon}\nc reader cn:c.x until=2020-01-01\n"
    )
    whole, ends, over = found(tmp_path, rpc=RpcSettings(token_file=file))
    assert (whole.state, whole.found) == (State.OK, f"{file}: 3")
    assert (ends.state, ends.found.startswith("b ")) == (State.WARNING, True)
    assert (over.state, "cn:c.x" in over.remedy) == (State.WARNING, True)


def test_a_file_of_before_is_told_what_to_do(tmp_path):
    file = tmp_path / "t"
    file.write_text("capture stage k3Vt0m2yZ7s8qLrWb1x9\n")
    file.chmod(0o600)
    (before,) = found(tmp_path, rpc=RpcSettings(token_file=file))
    assert (before.state, "wince token seal" in before.remedy) == (State.MISSING, True)
    tokens(file, "capture stage k3Vt0m2yZ7s8qLrWb1x9\n")
    _, nobody = found(tmp_path, rpc=RpcSettings(token_file=file))
    assert (nobody.state, "publish" in nobody.found, "wince token make" in nobody.remedy) == (State.WARNING, True, True)


def test_a_sign_in_is_asked_for_its_keys(tmp_path):
    with issuer() as other:
        config = OidcSettings(issuer=ISSUER, audience=AUDIENCE, jwks=other.url, roles=("a=nurse",))
        (good,) = found(tmp_path, oidc=config)
        assert (good.state, "3 keys" in good.found) == (State.OK, True)
        other.body = json.dumps({"keys": [public(EC_KEY, "ec"), {**public(EC_KEY, ""), "kid": ""}]}).encode()
        assert found(tmp_path, oidc=config)[0].state is State.MISSING
        other.status = 404
        assert found(tmp_path, oidc=config)[0].state is State.MISSING
