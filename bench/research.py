"""An export for research of many windows: memory that it needs beside the size of its files, and how fast it writes.

The peak is taken by the kernel in a process that does nothing but export. `WINCE_BENCH_WINDOWS` says how many windows there are (300,000,
of a person for each thousand); a tenth of the people are exported first, so that growth with their number is seen.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from uuid import UUID

from bench import Unmeasurable
from bench.record import SITE, START, US, occupy_beds, windows
from wince.codec.registry import encode
from wince.domain.ids import assessment_id
from wince.errors import ResourceError
from wince.local.postgres.server import EmbeddedPostgres
from wince.research.consents import Consents
from wince.research.export import Exporter, Wanted
from wince.research.pseudonyms import fresh
from wince.store.database import Database
from wince.store.migrate import migrate

COUNT = int(os.environ.get("WINCE_BENCH_WINDOWS", "300000"))
EACH = 1000
"""Windows of a person."""


def fill(database: Database, stays: Sequence[UUID]) -> None:
    """EACH windows of each stay."""
    model = windows(0)[0]
    columns = "id, source, protocol, start_us, end_us, grade, reason, stay, shadow, charted, body"
    for number, stay in enumerate(stays):
        with database.transaction() as tx, tx.cursor() as cursor, cursor.copy(f"COPY assessment ({columns}) FROM STDIN".encode()) as copy:
            for place in range(EACH):
                start, camera = START + place * 5 * US, f"cam-{number}"
                own = assessment_id(SITE, camera, "activity", start)
                one = replace(model, id=own, source=camera, start_us=start, end_us=start + 5 * US)
                copy.write_row((own, camera, "activity", start, one.end_us, one.grade, None, stay, False, True, encode(one)[1]))


def exported(dsn: str, place: str) -> tuple[int, int, float, float]:
    """In a process of its own: windows, bytes of the files, seconds, MB that its peak rose."""
    with Database(dsn) as database:
        before = _peak_mb()
        began = time.perf_counter()
        done = Exporter(database).run(Wanted(Path(place), fresh(), "bench", 2, 1 << 40, "bench"))
        took = time.perf_counter() - began
        grown = _peak_mb() - before
    return done.rows["windows"], sum(file.stat().st_size for file in Path(place).iterdir()), took, grown


def _peak_mb() -> float:
    """The most memory that this process ever had. (getrusage would also count that of its parent, from before the exec.)"""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def _apart(dsn: str, place: Path) -> tuple[int, int, float, float]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(exported, dsn, str(place)).result()


def run() -> dict[str, Any]:
    """One export of a tenth of the people, one of all."""
    people = COUNT // EACH
    try:
        with tempfile.TemporaryDirectory(prefix="wince-bench-", dir="/var/tmp") as directory:
            here = Path(directory)
            here.chmod(0o755)
            with EmbeddedPostgres(here / "postgres") as server, Database(dsn := server.dsn("postgres")) as database:
                migrate(database)
                occupy_beds(database, people, look_again=False)
                with database.transaction() as tx:
                    stays = [stay for (stay,) in tx.execute("SELECT id FROM stay ORDER BY id").fetchall()]
                fill(database, stays)
                _agree(database, 0, people // 10)
                few = _apart(dsn, here / "few")
                _agree(database, people // 10, people)
                every = _apart(dsn, here / "every")
    except ResourceError as error:
        raise Unmeasurable(error.diagnostics()) from None
    (rows, size, took, grown), (less, small, _, before) = every, few
    row = {"figure": f"export: memory for {rows:,} windows", "unit": "MB", "ours": round(grown, 1), "aim": None}
    row |= {"rival_name": "size of its files, MB", "rival": round(size / 1e6), "ratio": round(size / 1e6 / max(grown, 0.1), 1)}
    whole = f"{rows / took:,.0f} windows/s; {less:,} windows, {small / 1e6:.0f} MB of files: {before:.1f} MB"
    return {"title": f"Export for research ({whole})", "rows": [row]}


def _agree(database: Database, first: int, end: int) -> None:
    """These people agreed."""
    consents = Consents(database)
    for number in range(first, end):
        consents.say(f"urn:bench:mrn|M{number}", True, "bench", "n1", "bench")
