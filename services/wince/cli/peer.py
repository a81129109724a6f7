"""A peer that a command calls: its address, and how to speak TLS to it."""

from __future__ import annotations

import ssl
from pathlib import Path

from wince.cli import usage


def address(to: str, field: str, remedy: str) -> tuple[str, int]:
    """Host and port of HOST:PORT. `field`: what the command calls it. Raises UsageError."""
    host, _, port = to.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise usage.UsageError("is no address", field=f"{field}={to}", remedy=remedy)
    return host.strip("[]"), int(port)


def context(ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    """TLS as the options --ca, --cert and --key say. Raises UsageError."""
    try:
        made = ssl.create_default_context(cafile=str(ca) if ca is not None else None)
        if cert is not None:
            made.load_cert_chain(cert, key)
        elif key is not None:
            raise usage.UsageError("a key without its certificate", field="--key", remedy="give --cert too")
    except (OSError, ssl.SSLError) as error:
        raise usage.UsageError(f"can't be used ({type(error).__name__})", field="--ca", remedy="give readable PEM files") from None
    return made
