"""What a connection string of PostgreSQL says, as libpq reads it (PostgreSQL 15, 34.1.2 and 34.15), before anything connects."""

from __future__ import annotations

import psycopg
from psycopg import pq

from wince.domain.loopback import loopback

_ENCRYPTED = ("require", "verify-ca", "verify-full")
"""Values of sslmode with which libpq never speaks in the clear; `prefer`, its default, does where the server offers no TLS."""


def in_the_clear(dsn: str) -> str:
    """The first host beyond loopback that libpq may speak to without encryption; empty: none.

    What the string leaves open is taken from libpq's environment variables (PGHOST, PGSSLMODE...). Hosts of a service file
    (`service=`) are not seen. A string that is none gives nothing here: whoever connects says so.
    """
    try:
        said = {option.keyword: option.val for option in pq.Conninfo.get_defaults() if option.val}
        said |= {option.keyword: option.val for option in pq.Conninfo.parse(dsn.encode()) if option.val}
    except psycopg.Error:
        return ""
    read = {key.decode(): value.decode(errors="replace") for key, value in said.items()}
    if read.get("sslmode") in _ENCRYPTED or read.get("gssencmode") == "require":
        return ""
    hosts = read.get("host", "").split(",") if "host" in read else []
    addresses = read.get("hostaddr", "").split(",") if "hostaddr" in read else []
    reached = [address or host for host, address in zip(hosts, addresses, strict=False)] if hosts and addresses else addresses or hosts
    return next((host for host in reached if host and not host.startswith(("/", "@")) and not loopback(host)), "")
