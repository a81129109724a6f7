"""A database that is away when imaging begins to grade is waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from wince.errors import StoreError
from wince.serve import imaging_studies


def test_a_database_that_is_away_at_the_start_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    again = threading.Event()

    class Away:
        @contextmanager
        def transaction(self) -> Iterator[Any]:
            asked.append(1)
            if len(asked) < 3:
                raise StoreError("away")
            again.set()
            yield SimpleNamespace()

    monkeypatch.setattr(imaging_studies, "WAIT_S", 0.01)
    for name in ("send_again", "settle"):
        monkeypatch.setattr(imaging_studies.studies, name, lambda *_: None)
    monkeypatch.setattr(imaging_studies.studies, "to_grade", lambda *_: None)
    place: Any = SimpleNamespace(place="here")
    away: Any = Away()
    made = imaging_studies.StudyGrader(away, place, place, place, place, lambda: 1)
    made.start()
    assert again.wait(60)
    assert made.failed() is None
    made.stop()
