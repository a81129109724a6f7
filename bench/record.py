"""Record: audited entries through the sink, against bare inserts (COPY, executemany) of the very rows that it wrote.

Every message is the first window of another bed, so each is charted: per message a row in inbox, assessment, entry, outbox and
chart_state, and two links of the audit chain with their payloads. Bare inserts write the same rows in the same order, in batches and
transactions of the same size, into the same tables with the same indexes; they compute nothing. The first figure's bodies are ready-made
text of the usual size; the second renders FHIR as well. Then the same by one, two and three replicas, each a process with beds of its own:
what they share is the audit trail's lock. On as many cores as they and their servers need they grow until it is held all the time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bench import Unmeasurable, _replicas
from wince.delivery.fhir.bundle import rendered
from wince.delivery.fhir.parts import Software
from wince.delivery.interface import Answer, Outcome
from wince.domain.assessment import Assessment
from wince.domain.charting_entries import entry
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.domain.ids import assessment_id, site_namespace, stay_id
from wince.domain.stay import Identifier, Stay, Watch
from wince.errors import ResourceError
from wince.local.postgres.server import EmbeddedPostgres
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store.database import Database, Tx
from wince.store.migrate import migrate
from wince.store.stays import save_watches

BATCH, BATCHES, ROUNDS = 250, 6, 5
REPLICAS, SHARED = (1, 2, 3), 3
US = 1_000_000
START = 1_700_000_040 * US
SITE = site_namespace("bench")
WINDOW_S = 5
TABLES = ("inbox", "assessment", "entry", "outbox", "chart_state", "audit", "audit_payload")
Rows = dict[str, list[tuple[Any, ...]]]


@dataclass
class Bodies:
    """A target whose bodies are `text`, or rendered where that is empty."""

    text: str = ""
    name: str = "bench"

    def __post_init__(self) -> None:
        self._protocols = {"activity": load("activity")}

    def render(self, entry: Entry | TaskEntry) -> str:
        """The body."""
        return self.text or rendered(entry, self._protocols, Software("bench", "bench", "http://127.0.0.1/fhir"))

    def probe(self) -> Answer:
        """Nothing is delivered here."""
        return Answer(Outcome.WRITTEN)

    def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
        """Nothing is delivered here."""
        return Answer(Outcome.DEAD, f"{len(body)} {location} {version}")


def window(bed: int, number: int) -> Assessment:
    """Of a quiet patient: its bed charts now and then."""
    source, start_us = f"cam-{bed}", START + number * WINDOW_S * US
    return Assessment(
        id=assessment_id(SITE, source, "activity", start_us),
        source=source,
        protocol="activity",
        start_us=start_us,
        end_us=start_us + WINDOW_S * US,
        grade=0,
        grade_name="quiet",
        median=0.4,
        peak=1.1,
        assessable_share=0.96,
        confidence=0.9,
        reason=None,
        frames=25,
        units=(0.4, None, 0.2, None, 0.1, 0.0),
        model_set="ab" * 32,
        rule="cd" * 32,
    )


def windows(number: int) -> list[Assessment]:
    """The first windows of BATCH beds."""
    return [window(bed, 0) for bed in range(number * BATCH, (number + 1) * BATCH)]


def occupy(database: Database) -> None:
    """Every bed of this benchmark has its camera and its patient."""
    occupy_beds(database, BATCH * BATCHES)


def occupy_beds(database: Database, count: int, *, look_again: bool = True) -> None:
    """So many beds have their camera and their patient. `look_again`: by record, as where cameras become known; else they always were."""
    beds = [f"W^{number}^A" for number in range(count)]
    save_watches(database, [Watch(f"cam-{number}", bed, 0, None, 0) for number, bed in enumerate(beds)])
    rows = []
    for number, bed in enumerate(beds):
        visit = Identifier("urn:bench:visit", f"V{number}")
        stay = Stay(stay_id(SITE, visit, bed, 0), bed, Identifier("urn:bench:mrn", f"M{number}"), visit, 0, None, 0)
        rows.append((stay.id, bed, stay.patient.system, stay.patient.value, visit.system, visit.value, 0, 0))
    with database.transaction() as tx, tx.cursor() as cursor:
        with cursor.copy(
            "COPY stay (id, bed, patient_system, patient, encounter_system, encounter, start_us, recorded_us) FROM STDIN"
        ) as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute("ANALYZE")
    if look_again:
        PostgresSink(database, {}, []).review()
        return
    with database.transaction() as tx:
        tx.execute("DELETE FROM review")


def through_the_sink(database: Database, target: Bodies) -> float:
    """Seconds for all batches."""
    sink = PostgresSink(database, {"activity": load("activity")}, [target])
    batches = [windows(number) for number in range(BATCHES)]
    began = time.perf_counter()
    charted = sum(len(sink.commit(batch).entries) for batch in batches)
    seconds = time.perf_counter() - began
    if charted != BATCH * BATCHES:
        raise RuntimeError(f"{charted} entries were charted, not {BATCH * BATCHES}")
    return seconds


def written(database: Database) -> Rows:
    """What the sink wrote, in the order of writing."""
    order = {"audit": "seq", "audit_payload": "place DESC", "outbox": "made"}
    found: Rows = {}
    with database.transaction() as tx:
        for table in TABLES:
            columns = _columns(tx, table)
            by = order.get(table, "ctid")
            found[table] = tx.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {by}".encode()).fetchall()
    return found


def bare(database: Database, rows: Rows) -> float:
    """Seconds for the same rows: COPY for all tables, executemany where the sink upserts; one transaction per batch."""
    with database.transaction() as tx:
        columns = {table: _columns(tx, table) for table in TABLES}
    began = time.perf_counter()
    for number in range(BATCHES):
        with database.transaction() as tx, tx.cursor() as cursor:
            for table in TABLES:
                part = _part(rows[table], number)
                names = ", ".join(columns[table])
                if table == "chart_state":
                    cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(columns[table]))})".encode(), part)
                    continue
                with cursor.copy(f"COPY {table} ({names}) FROM STDIN".encode()) as copy:
                    for row in part:
                        copy.write_row(row)
    return time.perf_counter() - began


def run() -> dict[str, Any]:
    """Ratios of medians over ROUNDS, in turn."""
    text = Bodies().render(_entry())
    try:
        with tempfile.TemporaryDirectory(prefix="wince-bench-", dir="/var/tmp") as directory:
            Path(directory).chmod(0o755)
            with EmbeddedPostgres(Path(directory)) as server:
                ours, rendered, floor = _rounds(server, text)
                shared = _shared(server)
    except ResourceError as error:
        raise Unmeasurable(error.diagnostics()) from None
    count = BATCH * BATCHES

    def row(figure: str, seconds: float, aim: float | None) -> dict[str, Any]:
        values = {"ours": round(count / seconds), "rival": round(count / floor), "ratio": round(floor / seconds, 2)}
        return {"figure": figure, "rival_name": "bare inserts", "aim": aim, "unit": "entries/s", **values}

    return {
        "title": f"Record: audited entries, batches of {BATCH}",
        "rows": [row("sink, bodies ready-made", ours, 0.5), row("sink, FHIR rendered too", rendered, None), *shared],
    }


def _shared(server: EmbeddedPostgres) -> list[dict[str, Any]]:
    """Entries a second by 1, 2, 3 replicas (FHIR rendered), against one; median of SHARED rounds by rate."""
    found: dict[int, list[dict[str, Any]]] = {replicas: [] for replicas in REPLICAS}
    for _ in range(SHARED):
        for replicas, rounds in found.items():
            with _fresh(server) as database:
                rounds.append(_replicas.measure(database.dsn, Bodies(), windows, BATCHES, replicas))
    middle = {replicas: sorted(rounds, key=lambda one: one["seconds"])[len(rounds) // 2] for replicas, rounds in found.items()}
    alone = middle[REPLICAS[0]]
    made = []
    for replicas, one in middle.items():
        if one["entries"] != BATCH * BATCHES:
            raise RuntimeError(f"{one['entries']} entries were charted, not {BATCH * BATCHES}")
        lock = f"the trail's lock held {100 * one['held']:.0f} % of the time, {100 * one['waited']:.0f} % of theirs waited for"
        values = {"ours": round(one["entries"] / one["seconds"]), "rival": round(alone["entries"] / alone["seconds"])}
        ratio = round(alone["seconds"] / one["seconds"], 2)
        figure = f"{replicas} replica{'s' * (replicas > 1)}: {lock}"
        made.append({"figure": figure, "rival_name": "one replica", "aim": None, "unit": "entries/s", **values, "ratio": ratio})
    return made


def _rounds(server: EmbeddedPostgres, text: str) -> tuple[float, float, float]:
    took: dict[str, list[float]] = {"ours": [], "rendered": [], "bare": []}
    for _ in range(ROUNDS):
        with _fresh(server) as database:
            took["ours"].append(through_the_sink(database, Bodies(text)))
            rows = written(database)
        with _fresh(server) as database:
            took["bare"].append(bare(database, rows))
        with _fresh(server) as database:
            took["rendered"].append(through_the_sink(database, Bodies()))
    return median(took["ours"]), median(took["rendered"]), median(took["bare"])


@contextmanager
def _fresh(server: EmbeddedPostgres) -> Iterator[Database]:
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        admin.execute("CREATE DATABASE bench")
    with Database(server.dsn("bench"), size=2) as database:
        migrate(database)
        occupy(database)
        with psycopg.connect(server.dsn(), autocommit=True) as admin:
            admin.execute("CHECKPOINT")
        yield database


def _columns(tx: Tx, table: str) -> list[str]:
    """Without the identity, and without next_at, whose default (-infinity) Python can't hold."""
    found = tx.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attidentity = '' AND attname <> 'next_at'"
        " ORDER BY attnum",
        (table,),
    ).fetchall()
    return [name for (name,) in found]


def _part(rows: Sequence[tuple[Any, ...]], number: int) -> Sequence[tuple[Any, ...]]:
    size = len(rows) // BATCHES
    return rows[number * size : (number + 1) * size]


def _entry() -> Entry:
    """An entry as the sink makes them, for the size of its body."""
    visit = Identifier("urn:bench:visit", "V0")
    stay = Stay(stay_id(SITE, visit, "W^0^A", 0), "W^0^A", Identifier("urn:bench:mrn", "M0"), visit, 0, None, 0)
    return entry(Kind.GRADE, windows(0)[0], stay, START)
