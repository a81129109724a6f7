"""Ports of `wince up`: what is chosen now is listened on later, so nobody else may come by it."""

import socket

from wince.serve.up import QUIET, Up
from wince.settings import Settings


def test_a_port_that_is_taken_or_chosen_is_replaced_by_one_that_the_system_gives_to_nobody(tmp_path):
    """Neither a listener's nor another installation's that is starting, too; not among those of outgoing connections."""
    one, other = Up(Settings(state_dir=tmp_path / "a")), Up(Settings(state_dir=tmp_path / "b"))
    try:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            assert one._port(taken.getsockname()[1]) in QUIET
        wanted = one._port(0)
        assert wanted in QUIET
        found = other._port(wanted)
        assert found in QUIET
        assert found != wanted
    finally:
        one.stop()
        other.stop()
    third = Up(Settings(state_dir=tmp_path / "c"))
    try:
        assert third._port(wanted) == wanted  # free again with the one who had it
    finally:
        third.stop()
