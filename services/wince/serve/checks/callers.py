"""Who may call the services: the token file, and the site's own sign-in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from wince.errors import WinceError
from wince.rpc import token_file
from wince.rpc.roles import Role
from wince.serve.checks.finding import Finding, failed, missing, ok, warning
from wince.serve.expiry import SOON
from wince.settings import Settings


def check(settings: Settings) -> Iterator[Finding]:
    """The token file's callers, and the keys of the sign-in, which are asked for."""
    if settings.rpc.token_file is not None:
        yield from _tokens(settings)
    if settings.oidc.issuer:
        yield _sign_in(settings)


def _tokens(settings: Settings) -> Iterator[Finding]:
    path = settings.rpc.token_file
    assert path is not None
    try:
        token_file.stamp(path)
        entries = token_file.load(path)
    except WinceError as error:
        yield failed("callers", error)
        return
    yield ok("callers", f"{path}: {len(entries)}")
    if not settings.oidc.issuer and not any(Role.PUBLISH in entry.roles for entry in entries):
        remedy = "`wince token make capture publish`, where capture and detect are services"
        yield warning("callers", "nobody has the role `publish`: nothing that capture sees would be charted", remedy)
    now_s = time.time()
    for entry in entries:
        if entry.until_s is None or entry.until_s - now_s > SOON.total_seconds():
            continue
        ends, remedy = f"{datetime.fromtimestamp(entry.until_s, UTC):%Y-%m-%d %H:%M} UTC", "make a new one: wince token make"
        if entry.until_s <= now_s:
            yield warning("callers", f"{entry.name} {entry.id}: its time was over on {ends}", f"wince token revoke {entry.id}, or {remedy}")
        else:
            yield warning("callers", f"{entry.name} {entry.id}: ends on {ends}", remedy)


def _sign_in(settings: Settings) -> Finding:
    from wince.rpc import jwks, oidc_config

    try:
        oidc_config.check(settings.oidc)
        keys = jwks.fetcher(settings.oidc.jwks, settings.oidc.ca_file)()
    except WinceError as error:
        return failed("sign-in", error)
    if "" in keys and len(keys) > 1:
        return missing("sign-in", f"{settings.oidc.jwks}: a key without an id among others", "have the issuer give each key a kid")
    return ok("sign-in", f"{settings.oidc.jwks}: {len(keys)} keys")
