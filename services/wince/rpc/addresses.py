"""Which address a call comes from, also where the site's proxies pass calls on.

Only a proxy that the site names is believed about the addresses of others (`x-forwarded-for`, as Envoy, nginx and HAProxy write it: each
appends whom it heard the call from). Anybody else may write what it likes into that header.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import unquote

HEADER = "x-forwarded-for"
HOPS = 32
"""Addresses of a header that are looked at."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(proxies: Sequence[str]) -> tuple[Network, ...]:
    """Addresses and networks. Raises ValueError.

    >>> [str(one) for one in networks(["10.0.0.7", "2001:db8::/64"])]
    ['10.0.0.7/32', '2001:db8::/64']
    """
    return tuple(ipaddress.ip_network(one) for one in proxies)


def is_proxy(address: str, proxies: Sequence[Network]) -> bool:
    """Whether an address is one of a named proxy's."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in proxies)


def caller_address(peer: str, said: Sequence[str], proxies: Sequence[Network]) -> str:
    """The address that counts for a call: the peer's, or the last that no proxy of ours has. `said`: the headers.

    >>> ours = networks(["10.0.0.7"])
    >>> [caller_address(f"ipv4:{peer}:4711", ["1.2.3.4, 10.9.9.9"], ours) for peer in ("10.0.0.7", "10.0.0.8")]
    ['10.9.9.9', '10.0.0.8']
    """
    if not proxies or not is_proxy(_plain(peer), proxies):
        return address_of(peer)
    hops = [one.strip().strip('"[]') for one in ",".join(said).split(",") if one.strip()]
    for hop in reversed(hops[-HOPS:]):
        try:
            ipaddress.ip_address(hop)
        except ValueError:  # what stands before it came through somebody who can't write addresses
            break
        if not is_proxy(hop, proxies):
            return grouped(hop)
    return address_of(peer)


def grouped(address: str) -> str:
    """What counts as one address: of IPv6 the /64, which one host has to itself.

    >>> [grouped(one) for one in ("10.0.0.7", "::ffff:10.0.0.7", "2001:db8::7%eth0", "2001:db8:0:0:1::9", "?")]
    ['10.0.0.7', '10.0.0.7', '2001:db8::/64', '2001:db8::/64', '?']
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)


def address_of(peer: str) -> str:
    """The address in what gRPC says of a call's peer.

    >>> [address_of(one) for one in ("ipv4:10.0.0.7:4711", "ipv6:%5B::1%5D:4711", "unix:/run/a")]
    ['10.0.0.7', '::/64', 'unix:/run/a']
    """
    return grouped(_plain(peer)) if peer.partition(":")[0] in ("ipv4", "ipv6") else peer


def _plain(peer: str) -> str:
    return unquote(peer.partition(":")[2]).rpartition(":")[0].strip("[]")
