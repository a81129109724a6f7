"""Nothing leaves the machine, and nothing is written into HOME beside our own state: without CI set, as at a bed."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import reachable
from tests.face_models import fetched
from tests.support.watched_network import Seen, watched, why_not
from wince.local import maven, peer_cache
from wince.models import fetch
from wince.testing import clips

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=f"no network that can be watched: {why_not()}"),
]
WINCE = (sys.executable, "-m", "wince.cli.main")
OURS = (".local/state/wince", ".cache/wince/models")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A user's home in which the models were fetched."""
    fetched()
    with reachable() as directory:
        shutil.copytree(fetch.cache_folder(), directory / "home" / ".cache" / "wince" / "models")
        yield directory / "home"


def run(home: Path, *command: str | Path, until: str = "", **extra: str) -> Seen:
    """The command as that user starts it."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "JAVA_HOME") if name in os.environ}
    return watched(command, kept | {"HOME": str(home)} | extra, until)


def strangers(home: Path) -> list[str]:
    """Files that somebody else wrote into the home."""
    files = [path.relative_to(home).as_posix() for path in home.rglob("*") if not path.is_dir()]
    return [name for name in files if not name.startswith(OURS)]


def test_what_leaves_is_seen(home: Path) -> None:
    """Else the tests below prove nothing."""
    program = (
        "import socket\ntry: socket.getaddrinfo('telemetry.example', 443)\nexcept OSError: pass\n"
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('198.51.100.7', 443))"
    )
    seen = run(home, sys.executable, "-c", program)
    assert "telemetry.example" in seen.names
    assert seen.packets == 1


@pytest.mark.parametrize(
    "command",
    [
        ("run", "--json"),
        ("assess", clips.clip("bed1"), clips.clip("bed3"), "--jobs", "2", "--json", "-"),
        ("doctor",),
        ("models", "fetch"),
        ("audit", "verify"),
    ],
    ids=lambda command: command[0],
)
def test_no_command_looks_anything_up(home: Path, command: tuple[str | Path, ...]) -> None:
    """The main job, a second start without a network, and what is asked around it."""
    seen = run(home, *WINCE, *command)
    assert seen.returncode == 0, seen.output
    assert (list(seen.names), seen.packets) == ([], 0)
    assert strangers(home) == []


@pytest.mark.peer
def test_services_look_nothing_up(home: Path) -> None:
    """Seven services, Kafka, PostgreSQL, the EHR sandbox."""
    if reason := maven.available():
        pytest.skip(reason)
    maven.classpath("kafka")
    seen = run(home, *WINCE, "up", "--json", until='"event": "up"', WINCE_PEERS_DIR=str(peer_cache.cache()), WINCE_TIME_ZONE="UTC")
    assert seen.returncode == 0, seen.output
    assert (list(seen.names), seen.packets) == ([], 0)
    assert strangers(home) == []
