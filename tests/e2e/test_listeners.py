"""Nothing of a whole installation can be reached from another machine: services, metrics, HL7, Kafka, PostgreSQL, the EHR's sandbox.
TorchServe's own addresses: `tests/integration/test_torchserve.py`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from tests.conftest import reachable
from tests.e2e.services_world import up
from tests.face_models import fetched
from tests.support.listening import beyond, family, listening
from wince.local import maven


def test_the_kernel_s_tables_are_read_right():
    """Else the other test shows nothing."""
    listens = "import socket, sys; s = socket.create_server((sys.argv[1], 0)); print(s.getsockname()[1], flush=True); sys.stdin.read()"
    with socket.create_server(("127.0.0.1", 0)) as own:
        assert ("127.0.0.1", own.getsockname()[1]) in listening([os.getpid()])
        for address, reached in (("127.0.0.1", False), ("0.0.0.0", True)):
            command = [sys.executable, "-c", listens, address]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
                assert other.stdout is not None
                port = int(other.stdout.readline())
                assert other.pid in family(os.getpid())
                found = listening(family(os.getpid()))
                assert (address, port) in found
                assert ((address, port) in beyond(found)) is reached
                other.communicate("")


@pytest.mark.peer
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(bool(maven.available()), reason=maven.available() or "Kafka can be started")
def test_nothing_of_an_installation_is_reached_from_another_machine():
    fetched()
    with reachable() as directory, up(directory, WINCE_METRICS_PORT="0") as world:
        postgres = world.pid("postgres")
        assert postgres is not None
        found = listening(family(world.process.pid) | family(postgres) | {os.getpid()})
        ports = {port for _, port in found}
        assert set(world.ports.values()) <= ports
        assert len(found) >= len(world.ports) + 7 + 2 + 1, "metrics of each service, Kafka's two, PostgreSQL"
        assert beyond(found) == set()
