"""What services are built from waits for what is being started again."""

from contextlib import ExitStack

import pytest

from wince.errors import Unavailable
from wince.serve import service, waiting
from wince.settings import Settings


class Away:
    """A database that answers from the third time on, and whose migration fails once more."""

    def __init__(self, answers: int = 3) -> None:
        self.asked, self.closed, self._answers = 0, 0, answers

    def __call__(self, dsn: str) -> "Away":
        self.asked += 1
        if self.asked < self._answers:
            raise Unavailable("the database does not answer")
        return self

    def migrate(self, _database: object) -> None:
        if self.asked == self._answers:
            raise Unavailable("the database does not answer")

    def __enter__(self) -> "Away":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed += 1


def opened(monkeypatch: pytest.MonkeyPatch, away: Away, wait_s: float) -> object:
    monkeypatch.setattr(service, "Database", away)
    monkeypatch.setattr(service, "migrate", away.migrate)
    monkeypatch.setattr(waiting, "LOOK_S", 0.001)
    with ExitStack() as stack:
        return service.Deps(Settings(pg_dsn="postgresql://127.0.0.1/x", start_wait_s=wait_s), stack).database


def test_a_database_that_is_being_started_again_is_waited_for(monkeypatch):
    away = Away()
    assert opened(monkeypatch, away, 30) is away
    assert away.asked == 4
    assert away.closed == 2  # the one that could not be migrated, and the last


def test_not_for_ever(monkeypatch):
    with pytest.raises(Unavailable):
        opened(monkeypatch, Away(10**6), 0.05)
