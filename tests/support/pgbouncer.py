"""A pgbouncer before the tests' PostgreSQL, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
WAIT_S = 60.0


@contextmanager
def pgbouncer(
    dsn: str, directory: Path, mode: str = "transaction", size: int = 2, *, host: str = "127.0.0.1", pair: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """Connection string through a pool of `size` connections to the database of `dsn`. `mode`: transaction, session or statement. `host`:
    where it listens. `pair`: certificate and key; with them it asks for TLS."""
    assert PROGRAM is not None
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    port = _free()
    users = directory / "users.txt"
    users.write_text(f'"{parts["user"]}" "{parts["password"]}"\n')
    settings = directory / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n{parts['dbname']} = host={parts['host']} port={parts['port']} user={parts['user']} password={parts['password']}\n"
        f"[pgbouncer]\nlisten_addr = {host}\nlisten_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {users}\n"
        f"pool_mode = {mode}\ndefault_pool_size = {size}\nignore_startup_parameters = extra_float_digits\n"
        + (f"client_tls_sslmode = require\nclient_tls_cert_file = {pair[0]}\nclient_tls_key_file = {pair[1]}\n" if pair else "")
    )
    command = [PROGRAM, str(settings)]
    if os.geteuid() == 0:  # it refuses to run as root
        for path in (users, settings, *(pair or ())):
            shutil.chown(path, pwd.getpwnam("nobody").pw_uid)
        command[1:1] = ["-u", "nobody"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        through = psycopg.conninfo.make_conninfo(dsn, host=host, port=port)
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                psycopg.connect(through, connect_timeout=5).close()
                break
            except psycopg.OperationalError:
                assert process.poll() is None, "pgbouncer ended"
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield through
    finally:
        process.terminate()
        process.wait(WAIT_S)


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
