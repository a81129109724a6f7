"""Which addresses are this machine's own: what goes there or listens there needs neither TLS nor a password."""

from __future__ import annotations

import ipaddress


def loopback(host: str) -> bool:
    """Whether an address is this machine's own; a name other than localhost is not believed to be.

    >>> [loopback(one) for one in ("localhost", "127.0.0.7", "[::1]", "unix:/run/a", "10.0.0.1", "detect.example", "")]
    [True, True, True, True, False, False, False]
    """
    if host == "localhost" or host.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
