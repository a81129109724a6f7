"""A database on another machine needs TLS, in every way that opens one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from wince.errors import ConfigError
from wince.serve import reading, setup
from wince.serve.checks import database
from wince.serve.state_dir import Places
from wince.settings import Settings

CLEAR = "postgresql://u:secret@db.example/wince"


def _read(settings: Settings) -> None:
    with reading.reading(settings):
        pass


WAYS = {
    "setup": lambda settings: setup.database(settings, Places.of(settings)),
    "services": setup.dsn,
    "reading": _read,
    "check": lambda settings: list(database.check(settings)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_database_elsewhere_without_tls_is_refused_by_name(tmp_path: Path, way: str) -> None:
    with pytest.raises(ConfigError, match=r"db\.example without TLS") as caught:
        WAYS[way](Settings(state_dir=tmp_path, pg_dsn=SecretStr(CLEAR)))
    assert caught.value.field == "WINCE_PG_DSN"
    assert "sslmode=verify-full" in caught.value.remedy
    assert "secret" not in str(caught.value)


def test_it_is_taken_where_the_site_says_so() -> None:
    assert setup.dsn(Settings(pg_dsn=SecretStr(CLEAR), insecure_pg_beyond_loopback=True)) == CLEAR
