"""Who may associate: AE titles with, where the site says so, the address that each calls from and is called at."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from wince.errors import ConfigError

_TITLE = re.compile(r"[!-\[\]-~]([ !-\[\]-~]{0,14}[!-\[\]-~])?")
"""An AE title (PS3.5 section 6.2): 1 to 16 characters, no backslash, no control character."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One that may associate."""

    title: str
    host: str = ""
    """Empty: it may call from any address."""
    port: int = 0
    """Where its own storage commitment SCU listens; 0: nowhere."""

    def calls_from(self, address: str) -> bool:
        """Whether an address is this peer's. A name is looked up now."""
        if not self.host:
            return True
        try:
            found = {info[4][0] for info in socket.getaddrinfo(self.host, None)}
        except OSError:
            return False
        return plain(address) in {plain(str(one)) for one in found}


def plain(address: str) -> str:
    """An address without what maps IPv4 into IPv6."""
    try:
        one = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = one.ipv4_mapped if isinstance(one, ipaddress.IPv6Address) else None
    return str(mapped or one)


def title(text: str, field: str) -> str:
    """An AE title. Raises ConfigError where it is none."""
    if not _TITLE.fullmatch(text):
        raise ConfigError("is no AE title", field=f"{field}={text}", remedy="1 to 16 characters, no backslash")
    return text


def peer(text: str, field: str = "dicom_peers") -> Peer:
    """TITLE, TITLE@HOST or TITLE@HOST:PORT. Raises ConfigError.

    >>> peer("ORTHANC@10.0.0.5:4242")
    Peer(title='ORTHANC', host='10.0.0.5', port=4242)
    >>> peer("CART-7")
    Peer(title='CART-7', host='', port=0)
    """
    name, _, place = text.partition("@")
    host, colon, number = place.rpartition(":") if place.count(":") == 1 or "]:" in place else (place, "", "")
    host = host.strip("[]")
    if (colon and not (number.isdigit() and 0 < int(number) < 65536)) or ("@" in text and not host):
        raise ConfigError("is no peer", field=f"{field}={text}", remedy="TITLE, TITLE@HOST or TITLE@HOST:PORT")
    return Peer(title(name, field), host, int(number or 0))


def known(peers: Sequence[Peer], calling: str, address: str) -> Peer | None:
    """The peer that calls; None: none of the list. An empty list lets everybody in under the title that they give, if it is one.

    >>> known([], "CART-7", "10.0.0.5"), known([], "CART\\x00", "10.0.0.5")
    (Peer(title='CART-7', host='', port=0), None)
    """
    if not peers:
        return Peer(calling) if _TITLE.fullmatch(calling) else None
    return next((one for one in peers if one.title == calling and one.calls_from(address)), None)
