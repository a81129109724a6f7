"""Ports of `wince up`: what is chosen now is listened on later, so nobody else may come by it."""

import socket

from wince.local.ports import QUIET
from wince.serve.state_dir import Places
from wince.serve.up import Up
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


def test_each_service_answers_metrics_and_probes_on_a_port_of_its_own(tmp_path):
    """On one machine: the port that is set, and the service's place; without a port, or with any free one, nothing is said."""
    for port, said in ((9400, ["9400", "9401", "9405"]), (None, [None] * 3), (0, [None] * 3)):
        up = Up(Settings(state_dir=tmp_path, metrics_port=port, health_port=port))
        up._places = Places.of(Settings(state_dir=tmp_path))
        up.ports = {"capture": 1, "detect": 2, "care": 3}
        for variable in ("WINCE_METRICS_PORT", "WINCE_HEALTH_PORT"):
            assert [up._child(name, {}).environment.get(variable) for name in up.ports] == said
