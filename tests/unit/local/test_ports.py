"""Ports of servers that are started here lie below those of outgoing connections, so that a server that was killed finds its own free."""

import socket

import pytest

from wince.errors import ResourceError
from wince.local import ports


def test_they_are_free_and_none_is_given_twice():
    """Below what the system gives to outgoing connections."""
    found = ports.free_ports(20)
    assert len(set(found)) == 20
    assert all(port in ports.QUIET for port in found)


def test_taken_ones_are_left_out(monkeypatch):
    """Where too few are left that is an error with a remedy."""
    taken, free = ports.free_ports(2)
    monkeypatch.setattr(ports, "QUIET", range(free, free + 1))
    assert ports.free_ports(1) == [free]
    monkeypatch.setattr(ports, "QUIET", range(taken, taken + 1))
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", taken))
        with pytest.raises(ResourceError, match="no ports are free"):
            ports.free_ports(1)
