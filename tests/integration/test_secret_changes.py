"""Secrets that stand in or before the database are changed as docs/runbooks/rotate-keys.md has it."""

from __future__ import annotations

import re

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.docs import ROOT
from wince.api.record.v1 import record_service_pb2 as pb
from wince.errors import MessageError, WinceError
from wince.rpc.tokens import seal, unseal
from wince.store import token_key
from wince.store.database import Database


def test_a_login_that_is_changed_ends_nobody_s_work_and_the_next_start_needs_the_new_one(database: Database, database_dsn: str) -> None:
    with database.transaction() as tx:
        tx.execute("CREATE ROLE changing LOGIN PASSWORD 'first-secret'")
    old, new = (make_conninfo(database_dsn, user="changing", password=f"{word}-secret") for word in ("first", "second"))
    try:
        with Database(old) as running:
            with database.transaction() as tx:
                tx.execute("ALTER ROLE changing PASSWORD 'second-secret'")
            with running.transaction() as tx:
                assert tx.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(WinceError) as caught:
            Database(old)
        assert "secret" not in caught.value.diagnostics()
        with Database(new) as again, again.transaction() as tx:
            assert tx.execute("SELECT current_user").fetchone() == ("changing",)
    finally:
        with database.transaction() as tx:
            tx.execute("DROP ROLE changing")


def test_after_the_key_of_page_tokens_is_changed_clients_begin_again(database: Database, database_dsn: str) -> None:
    """The statement is the page's own."""
    request = pb.ListEntriesRequest(page_size=7)
    before = token_key.read(database)
    token = seal(before, request, [7], apart=[])
    (statement,) = re.findall(r"^(UPDATE token_key .*);$", (ROOT / "docs/runbooks/rotate-keys.md").read_text(), re.MULTILINE)
    with psycopg.connect(database_dsn) as owner:
        owner.execute(statement)
    after = token_key.read(database)
    assert len(after) == len(before) == 32
    assert after != before
    assert unseal(before, request, token, [int], field="page_token", apart=[]) == [7]
    with pytest.raises(MessageError) as caught:
        unseal(after, request, token, [int], field="page_token", apart=[])
    assert "or none" in caught.value.remedy
