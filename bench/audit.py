"""Verification of the audit trail: every link, payload and record, against reading and hashing the same rows and comparing nothing. And
what came since the last verification, against everything.

Each entry is one window, charted and ready to be sent: three rows that are held against the chain, and two links with payloads. The rows
are written in bulk with a true chain; `WINCE_BENCH_ENTRIES` says how many entries (50,000). Time grows with their number, memory does not.
"""

from __future__ import annotations

import hashlib
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from bench import Unmeasurable
from bench.record import SITE, START, US, Bodies, windows
from wince.codec.registry import encode
from wince.domain import proof
from wince.domain.assessment import Assessment
from wince.domain.charting_entries import entry
from wince.domain.entry import Entry, Kind
from wince.domain.ids import assessment_id, content_hash, stay_id
from wince.domain.stay import Identifier, Stay
from wince.errors import ResourceError
from wince.local.postgres.server import EmbeddedPostgres
from wince.store import audit, checkpoints, verification
from wince.store.audit import Fact
from wince.store.database import Database
from wince.store.migrate import migrate
from wince.store.plain import dump

COUNT = int(os.environ.get("WINCE_BENCH_ENTRIES", "50000"))
BATCH = 5000
ROUNDS = 3
NEW = 1000
"""Entries since the last verification: an hour of some ten beds."""
_VISIT = Identifier("urn:bench:visit", "V1")
_STAY = Stay(stay_id(SITE, _VISIT, "W^1^A", 0), "W^1^A", Identifier("urn:bench:mrn", "M1"), _VISIT, 0, None, 0)


def _made(first: int, end: int) -> Iterator[tuple[Assessment, Entry]]:
    """Windows of one camera with the entry of each."""
    model = windows(0)[0]
    for number in range(first, min(first + BATCH, end)):
        start = START + number * 5 * US
        window = replace(model, id=assessment_id(SITE, "cam-0", "activity", start), source="cam-0", start_us=start, end_us=start + 5 * US)
        yield window, entry(Kind.GRADE, window, _STAY, window.end_us)


def fill(database: Database, begin: int = 0, end: int = COUNT) -> None:
    """Entries of these numbers with their chain."""
    body = Bodies().render(next(_made(0, 1))[1])
    for first in range(begin, end, BATCH):
        made, facts = list(_made(first, end)), list[Fact]()
        with database.transaction() as tx, tx.cursor() as cursor:
            with cursor.copy(
                "COPY assessment (id, source, protocol, start_us, end_us, grade, reason, stay, shadow, charted, body) FROM STDIN"
            ) as copy:
                for window, charted in made:
                    encoded = encode(window)[1]
                    said = {
                        "content": content_hash(window).hex(),
                        "stay": charted.stay,
                        "body": proof.hexed(encoded),
                        "end_us": window.end_us,
                    }
                    facts.append(Fact(window.id, 1, "assessment", 1, dump(said)))
                    facts.append(Fact(charted.id, 1, "charted", 1, proof.of_entry(dump(charted), body), "bench"))
                    copy.write_row((window.id, window.source, window.protocol, window.start_us, window.end_us, window.grade, None,
                                    charted.stay, False, True, encoded))  # fmt: skip
            with cursor.copy(
                "COPY entry (id, revision, kind, origin, assessment, stay, source, start_us, end_us, status, body) FROM STDIN"
            ) as copy:
                for _, one in made:
                    copy.write_row((one.id, 1, one.kind.value, one.origin, one.assessment, one.stay, one.source, one.start_us, one.end_us,
                                    one.status, dump(one)))  # fmt: skip
            with cursor.copy("COPY outbox (entry, revision, target, encounter, effective, body) FROM STDIN") as copy:
                for _, one in made:
                    copy.write_row((one.id, 1, "bench", "V1", one.start_us, body))
            audit.append(tx, facts, START)
    with database.transaction() as tx:
        tx.execute("ANALYZE")


def read_and_hash(database: Database) -> int:
    """The same bytes, read in the same chunks and hashed once; nothing is compared."""
    read = 0
    for sql, key in (
        (
            "SELECT a.seq, p.payload FROM audit a JOIN audit_payload p ON p.place = a.payload WHERE a.seq > %s ORDER BY 1 LIMIT 5000",
            0,
        ),
        ("SELECT id, body FROM assessment WHERE id > %s ORDER BY 1 LIMIT 5000", UUID(int=0)),
        ("SELECT id, body FROM entry WHERE id > %s ORDER BY 1 LIMIT 5000", UUID(int=0)),
        ("SELECT entry, body FROM outbox WHERE entry > %s ORDER BY 1 LIMIT 5000", UUID(int=0)),
    ):
        after: Any = key
        while True:
            with database.transaction() as tx:
                rows = tx.execute(sql.encode(), (after,)).fetchall()
            for row in rows:
                last = row[-1]
                hashlib.sha256(last.encode() if isinstance(last, str) else last).digest()
            read += len(rows)
            if len(rows) < 5000:
                break
            after = rows[-1][0]
    return read


def _since(database: Database, file: Path, number: int) -> float:
    """Seconds that a verification takes which begins behind one of everything, with NEW entries more."""
    note = verification.verify(database, file, "").note(START, None)
    fill(database, COUNT + number * NEW, COUNT + (number + 1) * NEW)
    began = time.perf_counter()
    found = verification.verify(database, file, "", since=note).found
    took = time.perf_counter() - began
    if found.compared != 2 * NEW:
        raise RuntimeError(f"{found.compared} records were compared, not {2 * NEW}")
    return took


def run() -> dict[str, Any]:
    """Medians of ROUNDS, in turn."""
    try:
        with tempfile.TemporaryDirectory(prefix="wince-bench-", dir="/var/tmp") as directory:
            Path(directory).chmod(0o755)
            with EmbeddedPostgres(Path(directory)) as server, Database(server.dsn("postgres")) as database:
                migrate(database)
                fill(database)
                ours, floor = [], []
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                for _ in range(ROUNDS):
                    began = time.perf_counter()
                    found = checkpoints.verify(database, Path(directory) / "none", "")
                    ours.append(time.perf_counter() - began)
                    if found.compared != 2 * COUNT:
                        raise RuntimeError(f"{found.compared} records were compared, not {2 * COUNT}")
                    began = time.perf_counter()
                    read_and_hash(database)
                    floor.append(time.perf_counter() - began)
                since = [_since(database, Path(directory) / "none", number) for number in range(ROUNDS)]
                grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    except ResourceError as error:
        raise Unmeasurable(error.diagnostics()) from None
    mine, bare = sorted(ours)[ROUNDS // 2], sorted(floor)[ROUNDS // 2]
    values = {"ours": round(COUNT / mine), "rival": round(COUNT / bare), "ratio": round(bare / mine, 2)}
    whole = f"a million entries: {mine / COUNT * 1e6 / 60:.1f} min; memory grew by {grown / 1024:.0f} MB"
    later = sorted(since)[ROUNDS // 2]
    behind = {"figure": f"verify behind the last: {NEW:,} new entries of {COUNT:,}", "rival_name": "everything", "aim": None, "unit": "ms"}
    behind |= {"ours": round(1000 * later), "rival": round(1000 * mine), "ratio": round(mine / later, 1)}
    row = {"figure": "verify: links, payloads, records", "rival_name": "read and hash alone", "aim": None, "unit": "entries/s", **values}
    return {"title": f"Audit: full verification of {COUNT:,} entries ({whole})", "rows": [row, behind]}
