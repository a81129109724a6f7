"""Which address counts, and whose word on it."""

import pytest

from wince.rpc.addresses import caller_address, is_proxy, networks
from wince.rpc.config import RpcSettings

OURS = networks(["10.0.0.7", "10.2.0.0/24", "2001:db8:1::/64"])


@pytest.mark.parametrize(
    ("peer", "said", "counts"),
    [
        ("ipv4:10.0.0.7:1", ["192.0.2.1"], "192.0.2.1"),
        ("ipv4:10.0.0.7:1", ["198.51.100.1, 192.0.2.1"], "192.0.2.1"),
        ("ipv4:10.0.0.7:1", ["198.51.100.1, 192.0.2.1, 10.2.0.9"], "192.0.2.1"),
        ("ipv4:10.0.0.7:1", ["198.51.100.1", "192.0.2.1"], "192.0.2.1"),
        ("ipv4:10.0.0.7:1", ["2001:db8:2::9"], "2001:db8:2::/64"),
        ("ipv6:%5B2001:db8:1::7%5D:1", ['"[2001:db8:2::9]"'], "2001:db8:2::/64"),
        ("ipv6:%5B::ffff:10.0.0.7%5D:1", ["192.0.2.1"], "192.0.2.1"),
        ("ipv4:10.0.0.7:1", [], "10.0.0.7"),
        ("ipv4:10.0.0.7:1", ["", " , "], "10.0.0.7"),
        ("ipv4:10.0.0.7:1", ["192.0.2.1, unknown"], "10.0.0.7"),
        ("ipv4:10.0.0.7:1", ["unknown, 192.0.2.1"], "192.0.2.1"),
        ("ipv4:10.0.0.7:1", ["10.2.0.1, 10.2.0.2"], "10.0.0.7"),
        ("ipv4:10.0.0.7:1", [", ".join(["192.0.2.1"] * 5 + ["10.2.0.2"] * 10_000)], "10.0.0.7"),
        ("ipv4:10.0.0.8:1", ["192.0.2.1"], "10.0.0.8"),
        ("unix:/run/wince", ["192.0.2.1"], "unix:/run/wince"),
    ],
)
def test_the_last_that_no_proxy_of_ours_has(peer, said, counts):
    assert caller_address(peer, said, OURS) == counts


def test_without_proxies_a_header_is_nothing():
    assert caller_address("ipv4:10.0.0.7:1", ["192.0.2.1"], ()) == "10.0.0.7"
    assert not is_proxy("?", OURS)


def test_what_is_no_address_is_refused():
    for wrong in ("proxy.example", "10.0.0.7/8", "10.0.0.0.1", ""):
        with pytest.raises(ValueError, match="proxies"):
            RpcSettings(proxies=(wrong,))
