"""What the database refuses is said with the setting that names it, and what to do."""

import psycopg
import pytest

from wince.errors import StoreError
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
