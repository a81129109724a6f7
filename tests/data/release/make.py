"""Writes what a release leaves in its database: the drawn clips that ship, played by `wince run`, as data without schema.

    git archive COMMIT | tar -x -C OLD            # the release
    PYTHONPATH=OLD/services python tests/data/release/make.py STATE tests/data/release/SCHEMA

STATE: an empty directory that the embedded PostgreSQL's user can reach. Of the release's code this file uses the command, the embedded
server and the key; everything else is read out of the database by PostgreSQL's own pg_dump. No person is in it: faces and names are drawn.
"""

import lzma
import os
import re
import subprocess
import sys
from pathlib import Path

import wince
from wince.local.postgres.beside import DirectoryReader
from wince.local.postgres.installed import installed
from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.store import checkpoints


def main(state: str, out: Path) -> None:
    """See above."""
    environment = {**os.environ, "WINCE_STATE_DIR": state}
    subprocess.run([sys.executable, "-m", "wince.cli.main", "run", "--at", "2026-11-24T08:00:00Z"], env=environment, check=True)
    places = Places.of(Settings(state_dir=Path(state)))
    server = DirectoryReader(places.postgres)
    dsn = server.open("wince")
    try:
        line = [str(installed() / "bin/pg_dump"), "--data-only", "--no-owner", "--no-privileges", f"--dbname={dsn}"]
        text = subprocess.run(line, check=True, capture_output=True, text=True).stdout
    finally:
        server.close()
    text = "\n".join(one for one in text.splitlines() if one and not re.match(r"--|\\(un)?restrict", one)) + "\n"
    out.mkdir(exist_ok=True)
    (out / "data.sql.xz").write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    (out / "checkpoints.jsonl").write_bytes(places.checkpoints.read_bytes())
    key = checkpoints.existing_key(places.audit_key)
    assert key is not None
    (out / "public-key.txt").write_text(checkpoints.public_hex(key) + "\n")
    print(wince.__file__, len(text), (out / "data.sql.xz").stat().st_size)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
