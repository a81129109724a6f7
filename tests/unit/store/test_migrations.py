"""Each migration says whether code of before goes on working beside it, and its SQL does what it says."""

import re

import pytest

from wince.errors import StoreError
from wince.store.concurrently import index_of
from wince.store.schema import BASELINE, Migration, bundled, oldest_after

BREAKS = {
    "takes away": r"\bDROP\b(?!\s+(NOT\s+NULL|DEFAULT)\b)",
    "renames": r"\bRENAME\b",
    "moves": r"\bSET\s+SCHEMA\b",
    "changes a type": r"\b(SET\s+DATA\s+)?TYPE\b",
    "narrows": r"\bSET\s+NOT\s+NULL\b",
    "adds a constraint": r"\bADD\s+(CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)\b",
    "takes a default away": r"\bDROP\s+DEFAULT\b",
    "takes rights away": r"\bREVOKE\b|\bOWNER\s+TO\b|\bROW\s+LEVEL\s+SECURITY\b",
    "runs beside old writers' rows": r"\bCREATE\s+(OR\s+REPLACE\s+)?(CONSTRAINT\s+)?(TRIGGER|RULE|POLICY)\b",
    "erases": r"\bDELETE\b|\bTRUNCATE\b",
    "locks": r"\bLOCK\s+TABLE\b|\bCLUSTER\b|\bVACUUM\b|\bREINDEX\b",
}
"""What code of before may trip over: a pattern for each kind of statement."""


def statements(sql: str) -> list[str]:
    """Statements without comments, literals and names in quotes."""
    bare = re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"", " ", sql, flags=re.DOTALL)
    return [one.strip() for one in bare.split(";") if one.strip()]


def breaks(migration: Migration) -> list[str]:
    """Why code of before may not go on beside it; empty: it may."""
    found, made = [], set()
    for statement in statements(migration.sql):
        said = statement.upper()
        if table := re.match(r"CREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(\S+)", said):
            made.add(table[1])  # old code knows nothing of it: it may be as narrow as it likes
            continue
        on = re.match(r"(?:ALTER\s+TABLE|CREATE\s+(?:UNIQUE\s+)?INDEX.*?\sON)\s+(?:IF\s+EXISTS\s+|ONLY\s+)*(\S+)", said)
        if on and on[1] in made:
            continue
        found += [what for what, pattern in BREAKS.items() if re.search(pattern, said)]
        for column in re.split(r",\s*(?=ADD\b)", said):
            if re.search(r"\bADD\b", column) and "NOT NULL" in column and not re.search(r"\bDEFAULT\b|\bGENERATED\b", column):
                found.append("adds a column that old writers leave empty")
            if re.search(r"\bADD\b", column) and re.search(r"\b(CHECK|UNIQUE|REFERENCES|PRIMARY)\b", column):
                found.append("adds a constraint")
        if re.match(r"CREATE\s+UNIQUE\s+INDEX", said):
            found.append("forbids rows that old writers write")
        if re.match(r"CREATE\s+INDEX", said) and not migration.concurrently:
            found.append("holds writers up while it builds an index: `-- expansion, concurrently`")
    return found


def migration(sql: str, first: str = "-- expansion") -> Migration:
    return Migration(BASELINE + 3, "037_next.sql", f"{first}\n{sql}")


def test_an_expansion_breaks_nothing_that_code_of_before_does() -> None:
    later = [one for one in bundled() if one.number > BASELINE]
    assert {one.name: found for one in later if one.needs == 0 and (found := breaks(one))} == {}
    assert all(index_of(one.sql) for one in later if one.concurrently)


def test_numbers_have_no_gaps() -> None:
    assert [one.number for one in bundled()] == list(range(1, len(bundled()) + 1))


def test_the_baseline_is_as_it_was() -> None:
    """Files of before the first release carry no mark: nobody has code that knows a part of them."""
    assert [one.needs for one in bundled()[:BASELINE]] == [BASELINE] * BASELINE
    assert oldest_after(bundled()[:BASELINE]) == BASELINE


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE audit DROP COLUMN target",
        "DROP TABLE run",
        "DROP INDEX stay_of_id",
        "ALTER TABLE outbox RENAME COLUMN body TO text",
        "ALTER TABLE outbox ALTER COLUMN attempts TYPE bigint",
        "ALTER TABLE outbox ALTER attempts SET DATA TYPE bigint",
        "ALTER TABLE outbox ALTER COLUMN body SET NOT NULL",
        "ALTER TABLE outbox ADD COLUMN place text NOT NULL",
        "ALTER TABLE outbox ADD place text, ADD COLUMN more text NOT NULL",
        "ALTER TABLE outbox ADD COLUMN place text CHECK (place <> '')",
        "ALTER TABLE outbox ADD CONSTRAINT few CHECK (attempts < 9)",
        "ALTER TABLE outbox ADD COLUMN place text UNIQUE",
        "CREATE UNIQUE INDEX one_body ON outbox (body)",
        "CREATE INDEX of_body ON outbox (body)",
        "CREATE TRIGGER stop BEFORE INSERT ON outbox EXECUTE FUNCTION f()",
        "DELETE FROM outbox",
        "CREATE TABLE fresh (n int); ALTER TABLE outbox DROP COLUMN body",
    ],
)
def test_what_an_expansion_may_not_do_is_found(sql: str) -> None:
    assert breaks(migration(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE fresh (n int NOT NULL UNIQUE CHECK (n > 0)); CREATE UNIQUE INDEX of_fresh ON fresh (n)",
        "ALTER TABLE outbox ADD COLUMN place text",
        "ALTER TABLE outbox ADD COLUMN place text NOT NULL DEFAULT ''",
        "ALTER TABLE outbox ALTER COLUMN body DROP NOT NULL; -- DROP TABLE in a comment",
        "COMMENT ON TABLE outbox IS 'DROP; RENAME'",
        "INSERT INTO consent_kind VALUES ('drop')",
    ],
)
def test_what_an_expansion_may_do_passes(sql: str) -> None:
    assert breaks(migration(sql)) == []


@pytest.mark.parametrize(("first", "needs"), [("-- expansion", 0), ("-- expansion, concurrently", 0), ("-- contraction: needs 36", 36)])
def test_the_first_line_says_what_it_is(first: str, needs: int) -> None:
    assert migration("SELECT 1", first).needs == needs


@pytest.mark.parametrize(
    "first", ["", "-- adds a table", "-- expansion of it", "-- contraction", "-- contraction: needs 99", "-- contraction: needs 2"]
)
def test_a_file_that_does_not_say_it_is_refused_by_name(first: str) -> None:
    with pytest.raises(StoreError) as caught:
        _ = migration("SELECT 1", first).needs
    assert caught.value.field == "037_next.sql"


@pytest.mark.parametrize(
    "sql",
    ["CREATE INDEX a ON b (c)", "CREATE INDEX CONCURRENTLY a ON b (c)", "CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c); SELECT 1"],
)
def test_what_runs_outside_a_transaction_is_one_statement_that_may_run_again(sql: str) -> None:
    with pytest.raises(StoreError):
        index_of(sql)
    assert index_of("-- expansion, concurrently\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c);\n") == "a"
