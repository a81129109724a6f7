"""Second places as a person meets them: `wince audit verify`, `wince status`, `wince config check`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.trail_world import fill
from tests.unit.cli.command import Command
from tests.unit.cli.command import command as call
from wince.errors import ConfigError
from wince.serve import anchors
from wince.serve.checks import anchors as checks
from wince.serve.checks.finding import State as Found
from wince.serve.state_dir import Places
from wince.serve.status.interface import State
from wince.serve.status.watch import Watch as Eye
from wince.settings import Settings
from wince.store.checkpoints import Checkpointer, public_hex, signing_key
from wince.store.database import Database


@pytest.fixture
def installation(database: Database, database_dsn: str, tmp_path: Path) -> Settings:
    (tmp_path / "mount").mkdir()
    return Settings(state_dir=tmp_path / "state", pg_dsn=database_dsn, anchor_file=tmp_path / "mount" / "points.jsonl")


@pytest.fixture
def wince(installation: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    assert installation.pg_dsn is not None
    monkeypatch.setenv("WINCE_STATE_DIR", str(installation.state_dir))
    monkeypatch.setenv("WINCE_PG_DSN", installation.pg_dsn.get_secret_value())
    monkeypatch.setenv("WINCE_ANCHOR_FILE", str(installation.anchor_file))
    yield from call(monkeypatch, capsys)


def sign(database: Database, settings: Settings, rows: int, *, send: bool = True) -> None:
    """What record does."""
    places = Places.of(settings)
    places.make()
    key = signing_key(places.audit_key)
    fill(database, rows)
    Checkpointer(database, places.checkpoints, key).stop()
    for sender in anchors.senders(settings, database, public_hex(key)) if send else ():
        sender.turn(last=True)


def test_verify_says_who_witnesses_what(database: Database, installation: Settings, wince: Command) -> None:
    sign(database, installation, 8)
    said = json.loads(wince("audit", "verify", "--json").out)
    assert (said["witnessed"], said["unwitnessed"], said["since"]) == (8, 0, 0)
    assert said["places"] == [f"file {installation.anchor_file}"]
    fill(database, 3)
    words = " ".join(wince("audit", "verify").out.split())
    assert "witnessed up to row 8 by file" in words
    assert "the last 3 links are at no second place yet" in words
    assert json.loads(wince("audit", "verify", "--local", "--json").out)["places"] == []
    assert not Places.of(installation).verified.exists()


def test_everything_here_deleted_is_an_alarm(database: Database, installation: Settings, wince: Command) -> None:
    """The database, its checkpoints and the key are new; the other host still has the old."""
    sign(database, installation, 8)
    with database.transaction() as tx:
        tx.execute("ALTER TABLE audit DISABLE TRIGGER audit_stands")
        for table in ("anchor", "audit", "audit_payload"):
            tx.execute(f"DELETE FROM {table}".encode())
    Places.of(installation).checkpoints.unlink()
    Places.of(installation).audit_key.unlink()
    assert wince("audit", "verify", "--local").code == 1
    assert wince("audit", "verify").code == 9


def test_since_last_keeps_a_note_and_goes_on_behind_it(database: Database, installation: Settings, wince: Command) -> None:
    sign(database, installation, 8)
    assert json.loads(wince("audit", "verify", "--since-last", "--json").out)["since"] == 0
    sign(database, installation, 4)
    said = json.loads(wince("audit", "verify", "--since-last", "--json").out)
    assert (said["since"], said["rows"], said["last_full_rows"], said["unwitnessed"]) == (9, 14, 9, 0)
    Places.of(installation).verified.write_text("{}")
    assert wince("audit", "verify", "--since-last").code == 9
    Places.of(installation).audit_key.unlink()
    Places.of(installation).verified.unlink()
    done = wince("audit", "verify", "--since-last", "--key", public_hex(signing_key(installation.state_dir / "other.pem")))
    assert done.code in (4, 9)


def test_status_and_check_say_how_it_stands(database: Database, installation: Settings, tmp_path: Path) -> None:
    sign(database, installation, 8, send=False)

    def row() -> tuple[State, int]:
        with Eye(installation) as eye:
            (found,) = (one for one in eye.status().rows if one.subject == "anchors")
        return found.state, int(found.figures["unsent"] or 0)

    assert row() == (State.WARNING, 8), "its links are years old"
    sign(database, installation, 1)
    assert row() == (State.OK, 0)
    (found,) = checks.check(installation)
    assert found.state is Found.WARNING, "the same file system is no second place"
    (tmp_path / "mount").rename(tmp_path / "away")
    (found,) = checks.check(installation)
    assert found.state is Found.MISSING
    sign(database, installation, 2)
    state, unsent = row()
    assert state is State.BAD
    assert unsent == 2


def test_what_can_not_be_meant_is_named(tmp_path: Path) -> None:
    """A bucket in the clear beyond this machine, a login in its URL, an authority without a certificate to believe."""
    bad = [
        {"anchor_bucket": "trail", "anchor_bucket_endpoint": "http://s3.hospital.example"},
        {"anchor_bucket": "trail", "anchor_bucket_endpoint": "https://me:secret@s3.hospital.example"},
        {"anchor_tsa_url": "https://tsa.hospital.example"},
    ]
    for settings in bad:
        with pytest.raises(ConfigError) as failed:
            anchors.places(Settings(state_dir=tmp_path, **settings))  # type: ignore[arg-type]
        assert failed.value.field.startswith("anchor_")
        assert "secret" not in failed.value.diagnostics()
