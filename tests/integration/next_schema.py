"""The next release's schema, for tests of an upgrade: this one, expanded by what a release may add, then contracted."""

from wince.store.schema import Migration, bundled, known

NEXT = known() + 1
EXPANSION = Migration(
    NEXT,
    f"{NEXT:03}_next.sql",
    "-- expansion\nCREATE TABLE fresh (n int NOT NULL); ALTER TABLE outbox ADD COLUMN colour text; ALTER TABLE audit ADD COLUMN place text;"
    " ALTER TABLE assessment ADD COLUMN shade text NOT NULL DEFAULT ''",
)
INDEX = Migration(
    NEXT + 1,
    f"{NEXT + 1:03}_index.sql",
    "-- expansion, concurrently\nCREATE INDEX CONCURRENTLY IF NOT EXISTS outbox_of_colour ON outbox (colour)",
)
EXPANDED = (*bundled(), EXPANSION, INDEX)
CONTRACTION = Migration(NEXT + 2, f"{NEXT + 2:03}_less.sql", f"-- contraction: needs {NEXT}\nDROP TABLE fresh")
