"""How far the audit trail is signed, and what else an operator watches of the database."""

from pathlib import Path
from uuid import uuid4

from wince.care.retention import Limits, Retention
from wince.clock import wall_us
from wince.pipeline.record import review_rows
from wince.serve import record
from wince.serve.state_dir import Places
from wince.serve.status.interface import Look, State
from wince.serve.status.retention import retention as retention_status
from wince.settings import Settings
from wince.store import audit, checkpoints, erasing, reviews, watched
from wince.store.audit import Fact
from wince.store.database import Database
from wince.telemetry import metrics


def happened(database: Database, count: int, ago_s: float = 0.0) -> None:
    with database.transaction() as tx:
        audit.append(tx, [Fact(uuid4(), 1, "prepared", 1, "{}") for _ in range(count)], wall_us() - round(ago_s * 1e6))


def test_the_trail_behind_its_last_checkpoint(database: Database, tmp_path: Path) -> None:
    with database.transaction() as tx:
        before = watched.trail(tx)
    assert before.checkpoint_s is None
    happened(database, 3, ago_s=600)
    with database.transaction() as tx:
        found = watched.trail(tx)
    assert found.unsigned == before.unsigned + 3
    assert found.oldest_s >= 600
    key = checkpoints.signing_key(tmp_path / "audit.pem")
    checkpoints.Checkpointer(database, tmp_path / "checkpoints", key).tick(force=True)
    with database.transaction() as tx:
        found = watched.trail(tx)
    assert (found.unsigned, found.oldest_s) == (0, 0.0)
    assert found.checkpoint_s is not None
    assert 0 <= found.checkpoint_s < 60
    happened(database, 2)
    with database.transaction() as tx:
        assert watched.trail(tx).unsigned == 2


def test_record_tells_the_metrics(database: Database, tmp_path: Path) -> None:
    places = Places.of(Settings(state_dir=tmp_path))
    with database.transaction() as tx:
        reviews.ask(tx, beds=["ICU^1^A"], from_us=0, to_us=None, why="census")
        tx.execute("UPDATE review SET made_at = now() - interval '90 s'")
        (newest,) = tx.execute("SELECT max(number) FROM schema_migration").fetchone() or (0,)
    happened(database, 1)
    record.figures(database, places)
    names = ("audit_unsigned_links", "schema_version", "database_bytes", "reviews_oldest_seconds", "state_free_bytes")
    told = {name: metrics.REGISTRY.get_sample_value(f"wince_{name}") or 0.0 for name in names}
    assert told["audit_unsigned_links"] >= 1
    assert told["schema_version"] == newest
    assert told["database_bytes"] > 1 << 20
    assert 90 <= told["reviews_oldest_seconds"] < 150
    assert told["state_free_bytes"] > 0


def test_how_long_ago_retention_ran(database: Database, tmp_path: Path) -> None:
    """Where a limit is set: since its last run that came to its end, else since the trail began. The status says the same."""
    limits = Settings(state_dir=tmp_path, retention_audit_days=3650)
    happened(database, 1, ago_s=3 * 86_400)

    def seen(settings: Settings) -> tuple[float, State]:
        record.retention(database, settings)
        look = Look(settings, Places.of(settings), wall_us(), database)
        return metrics.REGISTRY.get_sample_value("wince_retention_age_seconds") or 0.0, retention_status(look)[0].state

    assert seen(Settings(state_dir=tmp_path)) == (0.0, State.OK)
    age_s, state = seen(limits)
    assert age_s >= 3 * 86_400
    assert state is State.WARNING
    with database.transaction() as tx:
        erasing.begin(tx, uuid4(), wall_us(), "retention", "n7", "cut off")
    assert seen(limits)[1] is State.WARNING, "it was begun, and never ended"
    Retention(database).run(Limits(audit=3650), "n7")
    age_s, state = seen(limits)
    assert age_s < 120
    assert state is State.OK


def test_a_review_that_is_put_off_waits_since_it_was_asked_for(database: Database) -> None:
    """Where its protocol isn't loaded, a slice is asked for again; that it is late must go on being seen."""
    with database.transaction() as tx:
        tx.execute("INSERT INTO review(sources, from_us, to_us, why, made_at) VALUES ('{cam-1}', 0, 100, 'census', now() - interval '2 h')")
        (number,) = tx.execute("SELECT max(id) FROM review").fetchone() or (0,)
        asked = review_rows.Asked(number, ("cam-1",), 0, 100, "census", 0, {}, 0)
        review_rows.later(tx, asked, 100, 60.0, "not loaded")
        tx.execute("DELETE FROM review WHERE id = %s", (number,))
        assert tx.execute("SELECT count(*) FROM review WHERE made_at < now() - interval '1 h'").fetchone() == (1,)
