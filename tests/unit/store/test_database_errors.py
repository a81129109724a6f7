"""What the database refuses is said with the setting that names it, and what to do."""

import psycopg
import pytest

from wince.errors import StoreError
from wince.store import database
from wince.store.database import mapped


@pytest.mark.parametrize(
    ("error", "words"),
    [(psycopg.errors.InsufficientPrivilege, "may not"), (psycopg.errors.ReadOnlySqlTransaction, "takes no writes")],
)
def test_a_right_that_is_missing_and_a_standby_are_named(error: type[psycopg.Error], words: str) -> None:
    with pytest.raises(StoreError) as caught, mapped():
        raise error
    assert words in caught.value.message
    assert caught.value.field == "WINCE_PG_DSN"
    assert "wince doctor" in caught.value.remedy


def test_an_address_without_a_user_is_named_where_the_process_has_no_name() -> None:
    """libpq's words in a container whose uid stands in no passwd file. Before, they were called a refused login."""
    found = database._unreachable(psycopg.OperationalError("connection failed: local user with ID 10001 does not exist"))
    assert "names no user" in found.message
    assert "USER@" in found.remedy
