"""The runner of containers: what it promises its users is so."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import Container, Ground, why_not


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    if why := why_not():
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    with Ground(tmp_path / "ground") as made:
        yield made


def test_a_container_sees_its_mounts_writes_where_it_may_and_nowhere_else(ground: Ground, tmp_path: Path) -> None:
    (tmp_path / "wince.toml").write_text('site = "there"\n')
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    files = "/x /etc/wince/x /tmp/x /var/lib/wince/x"
    script = f"id -u; id -G; cat /etc/wince/wince.toml; echo $SITE-$HOME; for f in {files}; do touch $f && echo $f; done"
    mounts = {"/etc/wince/wince.toml": tmp_path / "wince.toml"}
    done = ground.run(Container("one", ["sh", "-c", script], {"SITE": "here"}, mounts, volumes={"/var/lib/wince": tmp_path / "state"}))
    assert done.process.returncode == 0, done.said()
    lines = [line for line in done.said().splitlines() if not line.startswith("touch:")]
    assert lines == ["10001", "10001", 'site = "there"', "here-", "/tmp/x", "/var/lib/wince/x"]
    assert (tmp_path / "state" / "x").exists()
    assert not Path("/x").exists()


def test_containers_reach_each_other_and_what_is_lent_by_name(ground: Ground) -> None:
    """Two may listen on the same port: each has an address of its own."""
    greeting = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=lambda: greeting.accept()[0].sendall(b"lent\n"), daemon=True).start()
    ground.lend("peer", 5432, ("127.0.0.1", greeting.getsockname()[1]))
    ground.address("second")
    server = "import socket; s = socket.create_server(('0.0.0.0', 7420)); c, _ = s.accept(); c.sendall(b'own\\n'); c.close()"
    first = ground.start(Container("first", ["python3", "-c", server]))
    ask = (
        "import socket, time\n"
        "s = socket.create_server(('0.0.0.0', 7420))\n"
        "print(socket.create_connection(('peer', 5432), 10).recv(9).decode(), end='')\n"
        "end = time.monotonic() + 60\n"
        "while time.monotonic() < end:\n"
        "    try:\n"
        "        print(socket.create_connection(('first', 7420), 10).recv(9).decode(), end='')\n"
        "        break\n"
        "    except ConnectionRefusedError:\n"
        "        time.sleep(0.1)\n"
    )
    done = ground.run(Container("second", ["python3", "-c", ask]))
    greeting.close()
    assert done.said() == "lent\nown\n"
    assert first.stop() == 0


def test_wince_of_this_environment_runs_and_a_stop_is_a_sigterm(ground: Ground) -> None:
    done = ground.run(Container("version", ["wince", "--version"], {"HOME": "/tmp"}))
    assert done.said().startswith("wince ")
    asleep = ground.start(Container("asleep", ["sleep", "600"]))
    assert asleep.stop() == -15
