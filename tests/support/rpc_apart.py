"""A server in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER = """
import signal, threading
from tests.support.rpc_services import Echo, echo
from wince.rpc.config import RpcSettings
from wince.rpc.server import ServerThread

stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
with ServerThread([echo(Echo(slow_s=0.3))], RpcSettings({settings})) as server:
    print(server.port, flush=True)
    stopping.wait()
    print("drains", flush=True)
print("ended", flush=True)
"""


@contextmanager
def apart(settings: str = "") -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A server process, and its port."""
    command = [sys.executable, "-c", SERVER.format(settings=settings)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def most_memory(process: "subprocess.Popen[str]") -> int:
    """MB that a process ever held."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024
