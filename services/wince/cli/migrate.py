"""`wince migrate`: the database's schema, brought up to date apart from any service."""

from __future__ import annotations

from typing import Annotated

import typer

from wince.cli.common import Json, out, settings, to_json
from wince.serve.reading import reading
from wince.store.database import Database
from wince.store.migrate import WAIT_S, apply, standing
from wince.store.schema import Migration, bundled, oldest_after


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; say what would be done. Exit code 1 where there is something to do.")
    ] = False,
    wait_s: Annotated[
        float,
        typer.Option("--wait", help="How many seconds to wait for locks that others hold.", min=1, max=86400),
    ] = WAIT_S,
    json_: Json = False,
) -> None:
    """Bring the database's schema up to date, and end. Services may run meanwhile, also those of the previous release.

    WINCE_PG_DSN may name another login than the services have: the owner of Wince's tables. Several at once do no harm. Exit code 8 where
    the database is beyond this version, 6 where somebody held a lock for too long: the message names the process, and what was done stays
    done.
    """
    with reading(settings(), write=not check, any_schema=True) as database:
        before, _ = _standing(database)
        missing = list(bundled()[before or 0 :])
        done = [] if check else apply(database, wait_s=wait_s)
        after = before if check else _standing(database)[0]
    if json_:
        print(to_json({"before": before or 0, "after": after or 0, "missing": [_shown(one) for one in missing], "applied": len(done)}))
    elif check:
        _would(before, missing)
    elif done:
        out.print(f"the database's schema went from {done[0].number - 1} to {done[-1].number}")
    else:
        out.print(f"the database's schema is {after}; nothing was to be done")
    if check and missing:
        raise typer.Exit(1)


def _standing(database: Database) -> tuple[int | None, int]:
    with database.transaction() as tx:
        return standing(tx)


def _shown(migration: Migration) -> dict[str, object]:
    return {"name": migration.name, "needs": migration.needs}


def _would(before: int | None, missing: list[Migration]) -> None:
    if not missing:
        out.print(f"the database's schema is {before}; nothing is to be done")
        return
    out.print(f"the database's schema would go from {before or 0} to {missing[-1].number}")
    for one in missing:
        out.print(f"  {one.name}{f': shuts out code older than schema {one.needs}' if one.needs else ''}")
    oldest = oldest_after(bundled())
    if before and before >= oldest:
        out.print("services of the schema that stands go on working beside it")
    elif before:
        out.print(f"services that know less than schema {oldest} must be stopped before")
