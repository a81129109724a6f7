"""What doctor says of a database: rights, search_path, encoding, schema, clock, where it lies; no row is changed."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import reachable
from wince.errors import StoreError, Unavailable
from wince.local.postgres.opened import open_database
from wince.serve.checks import database as check
from wince.serve.checks.finding import Finding, State
from wince.settings import Settings
from wince.store.schema import bundled


def found(dsn: str) -> dict[str, Finding]:
    return {one.what: one for one in check.check(Settings(pg_dsn=dsn))}


@pytest.fixture
def role(database_dsn: str) -> Iterator[str]:
    """Connection string of a user who owns nothing and may do nothing."""
    name = psycopg.conninfo.conninfo_to_dict(database_dsn)["dbname"] + "_role"
    with psycopg.connect(database_dsn, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
        yield psycopg.conninfo.make_conninfo(database_dsn, user=name, password="x")
        admin.execute(f"DROP OWNED BY {name}")
        admin.execute(f"DROP ROLE {name}")


def empty(dsn: str, *statements: str) -> None:
    """Take Wince's tables away, then whatever else."""
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("DROP SCHEMA public CASCADE")
        admin.execute("CREATE SCHEMA public")
        for statement in statements:
            admin.execute(statement)


def test_a_database_that_is_ours(database_dsn: str) -> None:
    with psycopg.connect(database_dsn) as connection:
        before = connection.execute("SELECT pg_current_xact_id_if_assigned(), (SELECT count(*) FROM schema_migration)").fetchone()
    made = found(database_dsn)
    assert {one.state for one in made.values()} == {State.OK}
    assert "data in /" in made["database"].found
    assert made["database schema"].found == f"{len(bundled())} of {len(bundled())}"
    assert "clock, the database" in made
    with psycopg.connect(database_dsn) as connection:
        assert connection.execute("SELECT pg_current_xact_id_if_assigned(), (SELECT count(*) FROM schema_migration)").fetchone() == before


def test_one_that_is_new_or_older(database_dsn: str) -> None:
    with psycopg.connect(database_dsn) as admin:
        admin.execute("DELETE FROM schema_migration WHERE number = (SELECT max(number) FROM schema_migration)")
    assert "brings it up to date" in found(database_dsn)["database schema"].found
    empty(database_dsn)
    assert "the first start makes it" in found(database_dsn)["database schema"].found
    with psycopg.connect(database_dsn) as admin:
        assert admin.execute("SELECT to_regclass('schema_migration')").fetchone() == (None,), "nothing was made"


def test_a_newer_one(database_dsn: str) -> None:
    with psycopg.connect(database_dsn) as admin:
        admin.execute("INSERT INTO schema_migration(number, name, sha256) SELECT max(number) + 1, 'x', 'x' FROM schema_migration")
    schema = found(database_dsn)["database schema"]
    assert schema.state is State.MISSING
    assert "this Wince knows" in schema.found


def test_a_newer_one_that_only_expanded(database_dsn: str) -> None:
    with psycopg.connect(database_dsn) as admin:
        admin.execute(
            "INSERT INTO schema_migration(number, name, sha256, oldest) SELECT max(number) + 1, 'x', 'x', 1 FROM schema_migration"
        )
    schema = found(database_dsn)["database schema"]
    assert schema.state is State.OK
    assert "goes on working beside it" in schema.found


def test_a_login_with_rights_on_rows(database_dsn: str, role: str) -> None:
    """Enough where `wince migrate` changes the schema, as the tables' owner."""

    def rights() -> Finding:
        return {one.what: one for one in check.check(Settings(pg_dsn=role, schema_at_start="expect"))}["database rights"]

    with psycopg.connect(database_dsn) as admin:
        admin.execute("GRANT USAGE ON SCHEMA public TO public")
        admin.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO public")
    assert rights().state is State.MISSING
    assert "audit_payload_place" in rights().found
    with psycopg.connect(database_dsn) as admin:
        admin.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO public")
    assert rights().state is State.OK


def test_a_user_without_rights(database_dsn: str, role: str) -> None:
    """No right to use the schema, then none to create there, then both."""
    empty(database_dsn)
    assert "may use" in found(role)["database rights"].found
    with psycopg.connect(database_dsn) as admin:
        admin.execute("GRANT USAGE ON SCHEMA public TO public")
    rights = found(role)["database rights"]
    assert rights.state is State.MISSING
    assert "GRANT CREATE ON SCHEMA public" in rights.remedy
    with psycopg.connect(database_dsn) as admin:
        admin.execute("GRANT CREATE ON SCHEMA public TO public")
    assert found(role)["database rights"].state is State.OK


def test_tables_of_another_role(database_dsn: str, role: str) -> None:
    """Read and create don't help: a migration changes tables, and that is its owner's right."""
    with psycopg.connect(database_dsn) as admin:
        admin.execute("GRANT CREATE, USAGE ON SCHEMA public TO public")
        admin.execute("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO public")
    rights = found(role)["database rights"]
    assert rights.state is State.MISSING
    assert "belong to another role" in rights.found


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("search_path = nowhere", "leads to no schema"),
        ("search_path = other, public", "tables of Wince lie in the schema public"),
        ("default_transaction_read_only = on", "read-only"),
    ],
)
def test_settings_that_lead_astray(database_dsn: str, setting: str, said: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database_dsn)["dbname"]
    with psycopg.connect(database_dsn, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA other")
        admin.execute(f"ALTER DATABASE {name} SET {setting}")
    rights = found(database_dsn)["database rights"]
    assert rights.state is State.MISSING
    assert said in rights.found


def test_commits_that_nobody_waits_for(database_dsn: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database_dsn)["dbname"]
    assert "database commits" not in found(database_dsn)
    with psycopg.connect(database_dsn, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    assert found(database_dsn)["database commits"].state is State.WARNING


def test_a_user_who_may_not_wait_for_the_disk(database_dsn: str, role: str) -> None:
    """Where a site took from everybody what it thought that nobody needs."""
    with psycopg.connect(database_dsn) as admin:
        admin.execute("REVOKE EXECUTE ON FUNCTION pg_current_wal_flush_lsn() FROM public")
    with pytest.raises(StoreError, match="permission denied for function pg_current_wal_flush_lsn") as caught:
        found(role)
    assert "GRANT EXECUTE ON FUNCTION" in caught.value.remedy
    assert "pg_logical_emit_message" in caught.value.remedy


def test_an_encoding_that_can_not_hold_names(database_dsn: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database_dsn)["dbname"] + "_ascii"
    with psycopg.connect(database_dsn, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
        try:
            encoding = found(psycopg.conninfo.make_conninfo(database_dsn, dbname=name))["database encoding"]
        finally:
            admin.execute(f"DROP DATABASE {name}")
    assert encoding.state is State.MISSING
    assert "SQL_ASCII" in encoding.found


def test_a_standby() -> None:
    """It answers everything and takes nothing."""
    facts = check.Facts("18.0", "public", True, "public", "UTF8", True, "off", [], 0, [], 0.0, "on", False)
    (rights,) = check._rights(facts, expect=False)
    assert rights.state is State.MISSING
    assert "standby" in rights.found


def test_one_that_is_not_there() -> None:
    with pytest.raises(Unavailable):
        found("host=127.0.0.1 port=1 dbname=x user=x")


def test_the_embedded_one() -> None:
    """Running, it is looked at as any other; stopped, it is not started for this."""
    with reachable() as root:
        settings = Settings(state_dir=root)
        with open_database(None, root / "postgres"):
            made = {one.what: one for one in check.check(settings)}
            assert {one.state for one in made.values()} == {State.OK}
            assert "database schema" in made
        made = {one.what: one for one in check.check(settings)}
        assert set(made) == {"database", "database log"}
        assert str(root / "postgres" / "data") in made["database"].found
