"""`wince migrate`, and who may do what: several at once, locks that others hold, a login without rights to the schema, old and new code."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import grpc
import psycopg
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.integration.next_schema import CONTRACTION, EXPANDED, EXPANSION, INDEX, NEXT
from tests.integration.record_world import T0, US, FakeTarget, admit, stay, window
from wince.errors import StoreError, Unavailable
from wince.local.ports import free_ports
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.serve import service
from wince.settings import Settings
from wince.store import audit, checkpoints
from wince.store import migrate as migrating
from wince.store.audit import Fact
from wince.store.database import Database
from wince.store.locks import Lock
from wince.store.migrate import SchemaBehind, apply, migrate, require
from wince.store.schema import BASELINE, Migration, bundled, known


def wince(dsn: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command, as a person gives it."""
    environment = {"WINCE_PG_DSN": dsn, "PATH": "/usr/bin:/bin", "WINCE_STATE_DIR": "/var/tmp/wince-no-such"}
    line = [sys.executable, "-m", "wince.cli.main", *words]
    return subprocess.run(line, check=False, env=environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)


@pytest.fixture
def empty_dsn(postgres_dsn: str) -> Iterator[str]:
    """Connection string of a database that holds nothing."""
    name = f"empty_{uuid4().hex}"
    with psycopg.connect(psycopg.conninfo.make_conninfo(postgres_dsn, dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        yield psycopg.conninfo.make_conninfo(postgres_dsn, dbname=name)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_release_may_make_many_indexes(database: Database) -> None:
    """What looks at the schema is run again for each, and psycopg prepares what it ran five times: PostgreSQL then keeps that SELECT's
    snapshot while its transaction is idle, and the index would wait for the migration itself."""
    several = tuple(
        Migration(
            NEXT + number,
            f"{NEXT + number:03}_index.sql",
            f"-- expansion, concurrently\nCREATE INDEX CONCURRENTLY IF NOT EXISTS one_of_many_{number} ON review (made_at)",
        )
        for number in range(6)
    )
    assert len(apply(database, (*bundled(), *several), wait_s=20)) == 6


def test_the_command_says_what_it_would_do_does_it_once_and_says_so(empty_dsn: str) -> None:
    would = wince(empty_dsn, "migrate", "--check")
    assert would.returncode == 1, would.stderr
    assert f"from 0 to {known()}" in would.stdout
    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("SELECT to_regclass('schema_migration')").fetchone() == (None,), "nothing was made"
    both = [subprocess.Popen, subprocess.Popen]
    environment = {"WINCE_PG_DSN": empty_dsn, "PATH": "/usr/bin:/bin", "WINCE_STATE_DIR": "/var/tmp/wince-no-such"}
    running = [
        one([sys.executable, "-m", "wince.cli.main", "migrate", "--json"], env=environment, stdout=subprocess.PIPE, text=True)
        for one in both
    ]
    said = [json.loads(one.communicate(timeout=120)[0]) for one in running]
    assert [one.returncode for one in running] == [0, 0]
    assert sorted(one["applied"] for one in said) == [0, known()]
    assert [one["after"] for one in said] == [known(), known()]


def test_old_code_goes_on_beside_an_expansion_and_its_trail_verifies(database: Database, tmp_path: Path) -> None:
    """This version's code at a database with a table, columns and an index that it doesn't know."""
    sink = PostgresSink(database, {"activity": load("activity")}, [FakeTarget()])
    admit(database, stay())
    assert sink.commit([window(0, 2)]).entries
    assert [one.name for one in apply(database, EXPANDED)] == [EXPANSION.name, INDEX.name]
    assert migrate(database) == 0, "it starts beside it, and changes nothing"
    require(database)
    assert sink.commit([window(0, 2, t0=T0 + 86_400 * US)]).entries
    with database.transaction() as tx:
        assert tx.execute("SELECT max(number), max(oldest) FROM schema_migration").fetchone() == (NEXT + 1, BASELINE)
        assert tx.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'outbox_of_colour'::regclass").fetchone() == (True,)
    key = checkpoints.signing_key(tmp_path / "key.pem")
    checkpoints.Checkpointer(database, tmp_path / "points", key).tick(force=True)
    found = checkpoints.verify(database, tmp_path / "points", checkpoints.public_hex(key))
    assert found.checkpoint > 0
    assert found.compared > 0


def test_a_contraction_waits_for_older_code_then_shuts_it_out(database: Database) -> None:
    """Connections of code that needs what goes keep it; they are named. Later such code refuses to start."""
    migrate(database, EXPANDED)
    with pytest.raises(Unavailable, match=rf"{CONTRACTION.name} takes away .*wince schema {known()}\)"):
        migrate(database, (*EXPANDED, CONTRACTION), wait_s=0.3)
    require(database)
    with psycopg.connect(database.dsn, application_name=f"wince schema {NEXT}"):  # code that no longer needs it
        database.close()
        admin = NewCode(database.dsn)
        try:
            assert migrate(admin, (*EXPANDED, CONTRACTION)) == 1
        finally:
            admin.close()
    with Database(database.dsn) as again, pytest.raises(StoreError, match=f"this Wince knows {known()}"):
        migrate(again)
    with Database(database.dsn) as again, pytest.raises(StoreError, match="for code that knows") as caught:
        require(again)
    assert not isinstance(caught.value, SchemaBehind), "waiting would not help"


def test_older_code_that_comes_while_a_contraction_runs_is_shut_out_too(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It connects when nobody older was seen any more, before the COMMIT."""
    with Database(database_dsn) as expanding:
        migrate(expanding, EXPANDED)
    met: list[object] = []

    def begin() -> None:
        with Database(database_dsn) as older:
            try:
                met.append(require(older))
            except StoreError as error:
                met.append(error)

    service_begins, looked = threading.Thread(target=begin), migrating.of_older_code

    def look(tx: psycopg.Connection[tuple[object, ...]], needs: int) -> str:
        older = looked(tx, needs)
        service_begins.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'schema_migration'::regclass AND NOT granted"
        with psycopg.connect(database_dsn, autocommit=True) as admin:
            for _ in range(600):
                if met or admin.execute(waiting).fetchone() != (0,):
                    break
                service_begins.join(0.1)
        return older

    monkeypatch.setattr(migrating, "of_older_code", look)
    admin = NewCode(database_dsn)
    try:
        assert migrate(admin, (*EXPANDED, CONTRACTION)) == 1
    finally:
        admin.close()
    service_begins.join(60)
    (said,) = met
    assert isinstance(said, StoreError)
    assert "for code that knows" in str(said)


class NewCode(Database):
    """Connections of a Wince that knows the contraction."""

    def __init__(self, dsn: str) -> None:
        super().__init__(psycopg.conninfo.make_conninfo(dsn))
        self._pool.close()
        kwargs = {"application_name": f"wince schema {CONTRACTION.number}"}
        self._pool = type(self._pool)(dsn, min_size=1, max_size=4, kwargs=kwargs, open=True)


def test_an_index_that_a_kill_left_half_made_is_made_again(database: Database) -> None:
    migrate(database, EXPANDED[:-1])
    with psycopg.connect(database.dsn, autocommit=True) as admin:
        admin.execute("CREATE INDEX outbox_of_colour ON outbox (colour)")
        admin.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'outbox_of_colour'::regclass")
        assert migrate(database, EXPANDED) == 1
        assert admin.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'outbox_of_colour'::regclass").fetchone() == (True,)


def test_an_index_waits_for_older_transactions_no_longer_than_it_may_and_names_them(database: Database) -> None:
    migrate(database, EXPANDED[:-1])
    with psycopg.connect(database.dsn, application_name="report") as report:
        report.execute("SELECT count(*) FROM outbox")  # and then goes on with its transaction
        report.execute("UPDATE outbox SET attempts = 0")
        with pytest.raises(Unavailable, match=rf"{INDEX.name} waits for transactions that were open before.*\(report\)"):
            migrate(database, EXPANDED, wait_s=0.3)
    assert migrate(database, EXPANDED) == 1


def test_a_service_that_waits_for_the_schema_says_that_it_can_not_work_yet(empty_dsn: str, tmp_path: Path) -> None:
    """As kubelet asks it: alive, and not ready."""
    (port,) = free_ports(1)
    environment = {
        "WINCE_PG_DSN": empty_dsn, "PATH": "/usr/bin:/bin", "WINCE_STATE_DIR": str(tmp_path), "WINCE_SCHEMA_AT_START": "expect",
        "WINCE_HEALTH_PORT": str(port), "WINCE_KAFKA_BOOTSTRAP": "127.0.0.1:1", "WINCE_RPC__PORT": "0",
    }  # fmt: skip
    line = [sys.executable, "-m", "wince.cli.main", "serve", "record"]
    with subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stderr is not None
            assert next(said for said in process.stderr if "for `wince migrate`" in said)
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                ask = health_pb2_grpc.HealthStub(channel).Check
                assert ask(health_pb2.HealthCheckRequest(), timeout=60).status == health_pb2.HealthCheckResponse.NOT_SERVING
                assert ask(health_pb2.HealthCheckRequest(service="live"), timeout=60).status == health_pb2.HealthCheckResponse.SERVING
        finally:
            process.terminate()
            process.wait(60)
    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("SELECT to_regclass('schema_migration')").fetchone() == (None,), "nothing was made"


def test_a_migrator_that_hangs_is_named(database: Database) -> None:
    with psycopg.connect(database.dsn, application_name="other") as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (int(Lock.MIGRATION),))
        with pytest.raises(Unavailable, match=rf"process {holder.info.backend_pid} \(other\)"):
            migrate(database, EXPANDED, wait_s=0.3)


def test_writers_are_not_held_up_by_a_migration_that_waits(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report that reads the outbox for long keeps the migration waiting. It lets go again and again: writers go on between its tries."""
    monkeypatch.setattr(migrating, "LOCK_S", 0.2)
    wrote, stop = 0, threading.Event()

    def write() -> None:
        nonlocal wrote
        while not stop.is_set():
            with database.transaction() as tx:
                tx.execute("UPDATE outbox SET attempts = attempts WHERE false")
            wrote += 1

    failed: list[BaseException] = []

    def move() -> None:
        try:
            migrate(database, EXPANDED, wait_s=60)
        except BaseException as error:
            failed.append(error)

    writer, mover = threading.Thread(target=write), threading.Thread(target=move)
    with psycopg.connect(database.dsn, application_name="report") as report:
        report.execute("SELECT count(*) FROM outbox")
        with pytest.raises(Unavailable, match=rf"{EXPANSION.name} waits for the lock of a table.*\(report\)"):
            migrate(database, EXPANDED, wait_s=0.1)
        mover.start()
        writer.start()
        stop.wait(1.0)
        seen = wrote
        stop.wait(1.0)
        assert wrote > seen
        assert mover.is_alive()
    mover.join(60)
    stop.set()
    writer.join(60)
    assert not failed
    with database.transaction() as tx:
        assert tx.execute("SELECT max(number) FROM schema_migration").fetchone() == (NEXT + 1,)


@contextmanager
def login(dsn: str) -> Iterator[str]:
    """Connection string of a login with the rights that docs/how-to/postgres.md gives services, in its words."""
    name = "rows_" + uuid4().hex[:12]
    page = (Path(__file__).parents[2] / "docs/how-to/postgres.md").read_text("utf-8")
    (grants,) = (block.split("```")[0] for block in page.split("```sql\n")[1:] if "wince_services" in block)
    with psycopg.connect(dsn, autocommit=True) as admin:
        owner = psycopg.conninfo.conninfo_to_dict(dsn)["user"]
        for statement in grants.replace("wince_services", name).replace("ROLE wince IN", f"ROLE {owner} IN").split(";"):
            if statement.strip():
                admin.execute(statement.replace("'...'", "'x'"))
        try:
            yield psycopg.conninfo.make_conninfo(dsn, user=name, password="x")
        finally:
            admin.execute(f"DROP OWNED BY {name}")
            admin.execute(f"DROP ROLE {name}")


def test_services_need_rights_on_rows_only(database_dsn: str) -> None:
    """The owner migrates; what it makes is theirs to use at once. They may neither change the schema nor what stands in the chain."""
    with login(database_dsn) as dsn, Database(dsn) as rows:
        require(rows)
        assert migrate(rows) == 0
        admit(rows, stay())
        sink = PostgresSink(rows, {"activity": load("activity")}, [FakeTarget()])
        assert sink.commit([window(0, 2)]).entries
        with pytest.raises(StoreError, match="permission denied"):
            migrate(rows, EXPANDED)
        for change in ("UPDATE audit SET event = 'x'", "DELETE FROM audit", "DROP TABLE audit", "TRUNCATE audit"):
            with pytest.raises(StoreError), rows.transaction() as tx:
                tx.execute(change)
        with Database(database_dsn) as owner:
            migrate(owner, EXPANDED)
        with rows.transaction() as tx:
            tx.execute("INSERT INTO fresh VALUES (1)")
            audit.append(tx, [Fact(uuid4(), 1, "charted", 1, "{}")], 0)


def test_a_service_that_expects_a_schema_waits_for_it_and_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """New code at a database that is one expansion behind, until the Job has run."""
    monkeypatch.setattr(service, "require", lambda one: require(one, EXPANDED))
    opened: list[Database] = []
    waits = threading.Thread(target=lambda: opened.append(service._opened(Settings(pg_dsn=database.dsn, schema_at_start="expect"))))
    waits.start()
    said = ""
    for _ in range(600):
        said += capfd.readouterr().err
        if "for `wince migrate`" in said:
            break
        waits.join(0.1)
    assert "for `wince migrate`" in said
    assert f"schema {known()}" in said
    assert waits.is_alive()
    with database.transaction() as tx:
        assert tx.execute("SELECT max(number) FROM schema_migration").fetchone() == (known(),)
    migrate(database, EXPANDED)
    waits.join(60)
    opened[0].close()


def test_it_does_not_wait_for_ever(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "require", lambda one: require(one, EXPANDED))
    monkeypatch.setattr(service, "SCHEMA_WAIT_S", 0)
    with pytest.raises(SchemaBehind, match="this Wince reads") as caught:
        service._opened(Settings(pg_dsn=database.dsn, schema_at_start="expect", start_wait_s=0))
    assert "wince migrate" in caught.value.remedy
