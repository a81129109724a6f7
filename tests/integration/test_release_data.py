"""What the release before wrote: migrated, read by every list, proven by its own checkpoints, and gone on with.

tests/data/release/034 is three drawn beds as `wince run` of schema 34 left them; make.py beside it says how it was made.
"""

from __future__ import annotations

import lzma
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.integration.record_world import FakeTarget, deliver
from tests.support.rpc import dialled, served
from wince.api.care.v1 import care_service_pb2 as care_pb
from wince.api.care.v1.care_service_pb2_grpc import CareServiceStub
from wince.api.hospital.v1 import hospital_service_pb2 as hospital_pb
from wince.api.hospital.v1.hospital_service_pb2_grpc import HospitalServiceStub
from wince.api.record.v1 import record_service_pb2 as record_pb
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.care.postgres import PostgresCare
from wince.care.servicer import CareServicer
from wince.care.servicer import registration as care
from wince.care.withholding import Withholding
from wince.hospital.servicer import HospitalServicer
from wince.hospital.servicer import registration as hospital
from wince.local.postgres.installed import installed
from wince.pipeline.record.servicer import RecordServicer
from wince.pipeline.record.servicer import registration as record
from wince.protocols.loader import load
from wince.store import checkpoints, verification
from wince.store.audit import Fact, append
from wince.store.checkpoints import Checkpointer, signing_key
from wince.store.database import Database
from wince.store.migrate import migrate
from wince.store.schema import BASELINE, bundled

RELEASE = Path(__file__).parents[1] / "data/release/034"
PUBLIC = (RELEASE / "public-key.txt").read_text().strip()
BED = "ICU^101^A"
STUBS = {
    "wince.api.record.v1.RecordService": (record_pb, RecordServiceStub),
    "wince.api.care.v1.CareService": (care_pb, CareServiceStub),
    "wince.api.hospital.v1.HospitalService": (hospital_pb, HospitalServiceStub),
}


@pytest.fixture
def old(postgres_dsn: str, tmp_path: Path) -> Iterator[Database]:
    """A database as the release left it."""
    name = f"release_{uuid4().hex}"
    with psycopg.connect(psycopg.conninfo.make_conninfo(postgres_dsn, dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        dsn = psycopg.conninfo.make_conninfo(postgres_dsn, dbname=name)
        with Database(dsn, size=4) as database:
            migrate(database, bundled()[:BASELINE])
            with database.transaction() as tx:
                tx.execute("DROP TABLE schema_migration")
                tx.execute(
                    "CREATE TABLE schema_migration (number int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,"
                    " applied_at timestamptz NOT NULL DEFAULT now())"
                )
                for table in ("feed", "token_key", "census_load"):  # rows that migrations make
                    tx.execute(f"DELETE FROM {table}")
            (tmp_path / "data.sql").write_bytes(lzma.decompress((RELEASE / "data.sql.xz").read_bytes()))
            line = [str(installed() / "bin/psql"), "-q", "-v", "ON_ERROR_STOP=1", "-f", str(tmp_path / "data.sql"), dsn]
            done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 0, done.stderr
            yield database
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def rows(database: Database) -> dict[str, int]:
    """How many rows stand in each table of the release."""
    with database.transaction() as tx:
        names = [name for (name,) in tx.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()]
        found = {}
        for name in sorted(set(names) - {"schema_migration"}):
            row = tx.execute(f"SELECT count(*) FROM {name}".encode()).fetchone()
            assert row is not None
            found[name] = int(row[0])
    return found


def test_data_of_the_release_before_is_kept_read_and_proven(old: Database, tmp_path: Path) -> None:
    before = rows(old)
    assert min(before[name] for name in ("assessment", "entry", "alert", "outbox", "stay", "movement", "audit")) > 0
    assert migrate(old) == len(bundled()) - BASELINE
    after = rows(old)
    assert {name: after.get(name, 0) for name in before} == before
    file = tmp_path / "points.jsonl"
    shutil.copy(RELEASE / "checkpoints.jsonl", file)
    found = verification.verify(old, file, PUBLIC).found
    assert (found.count, found.tail) == (before["audit"], 0)
    assert found.compared > before["assessment"]
    assert everything_read(old) >= {"ListStays", "ListAssessments", "ListAlerts", "ListEntries", "QueryAudit"}


def everything_read(database: Database) -> set[str]:
    """Asks every list of the three services that know patients; which of them answered with rows."""
    protocols = {"activity": load("activity")}
    nurse = CareServicer(PostgresCare(database, protocols), Withholding(database))
    clerk = HospitalServicer(database)
    keeper = RecordServicer(database, lambda: checkpoints.verify(database, Path("none"), ""), protocols=protocols)
    filled = set()
    with served(record(keeper), care(nurse), hospital(clerk)) as server, dialled(server.port) as channel:
        for name, (module, stub) in STUBS.items():
            for method in module.DESCRIPTOR.services_by_name[name.rpartition(".")[2]].methods:
                if method.name.startswith(("List", "Query")):
                    request = getattr(module, method.input_type.name)()
                    fields = method.input_type.fields_by_name
                    if "scope" in fields:
                        request.scope.all = True
                    elif "all" in fields:
                        request.all = True
                    elif "bed" in fields:
                        request.bed = BED
                    answer = getattr(stub(channel), method.name)(request, timeout=60)
                    filled |= {method.name for field, _ in answer.ListFields() if field.is_repeated}
    return filled


def test_the_chain_of_the_release_goes_on(old: Database, tmp_path: Path) -> None:
    """Behind its last row, under another key, as an operator who lost the old one would; what waits in the outbox is delivered."""
    migrate(old)
    with old.transaction() as tx:
        row = tx.execute("SELECT max(seq) FROM audit").fetchone()
    assert row is not None
    checkpoints.give_up(old, "n-17", "test data comes without its private key", 0)
    key, file = signing_key(tmp_path / "audit.pem"), tmp_path / "points.jsonl"
    with old.transaction() as tx:
        assert append(tx, [Fact(uuid4(), 1, "noted", 1, "{}")], 0) == row[0] + 2
    deliver(old, FakeTarget(name="ehr"))
    Checkpointer(old, file, key).stop()
    assert verification.verify(old, file, checkpoints.public_hex(key)).found.checkpoint > row[0]
