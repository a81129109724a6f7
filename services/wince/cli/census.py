"""`wince census`: who is believed to lie where, what a list from outside says, and a person's word on what is doubtful."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from wince.cli import usage
from wince.cli.common import Json, out, settings, to_json, user
from wince.clock import wall_us
from wince.domain.ids import site_namespace
from wince.domain.outside import CensusList, Compared, Differing, Listed
from wince.domain.stay import Stay
from wince.errors import ConfigError, InputError
from wince.hospital.outside import load as loading
from wince.hospital.outside import reconcile
from wince.hospital.outside.csv_list import ENCODINGS, told
from wince.serve import census_source
from wince.serve.reading import reading
from wince.settings import Settings
from wince.store import census_view, comparisons, trust
from wince.store.access import note
from wince.store.census_view import BedView
from wince.store.database import Database
from wince.store.stays import PostgresCensus

app = typer.Typer(no_args_is_help=True, help="Who lies where: show it, compare it with a list, take a list in, confirm it.")

File = Annotated[Path | None, typer.Argument(help="A census as CSV (docs/how-to/census.md); default: the source that is set.")]
Fhir = Annotated[bool, typer.Option("--fhir", help="Ask the FHIR server of ehr_url, whatever source is set.")]
At = Annotated[str, typer.Option("--at", metavar="TIME", help="When the file was so (ISO 8601); default: when it was written.")]
Encoding = Annotated[str, typer.Option("--encoding", help="Encoding of the file, such as iso8859-1.")]
Ward = Annotated[list[str] | None, typer.Option("--ward", help="A ward that the list tells whole, even if nobody lies there; repeat.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad-rows", help="Leave out rows that can't be used, instead of refusing the file.")]


@app.command("show")
def show(
    bed: Annotated[str, typer.Option("--bed", help="Only this bed, POINTOFCARE^ROOM^BED.")] = "",
    ward: Annotated[str, typer.Option("--ward", help="Only this ward, as in PV1-3.1.")] = "",
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="At this moment (ISO 8601); default: now.")] = "",
    json_: Json = False,
) -> None:
    """Who is believed to lie where, with their numbers. The audit trail keeps who asked."""
    loaded, now_us = settings(), wall_us()
    at_us = _moment(at, "--at") if at else now_us
    with reading(loaded, write=True) as database, database.transaction() as tx:
        found = census_view.at_moment(tx, at_us, bed=bed, ward=ward)
        feed = trust.feed(tx)
        note(tx, _who(), "wince census show", {"bed": bed, "ward": ward, "at_us": at_us}, now_us)
    if json_:
        print(to_json({"at": _iso(at_us), "feed_heard": _iso(feed.heard_us) if feed else None, "beds": [_view(one) for one in found]}))
        return
    if feed is not None:
        silent = ": silent for too long, beds that nobody confirmed since are doubtful" if feed.silent_us is not None else ""
        out.print(f"the hospital's last word is of {_time(feed.heard_us)}{silent}")
    if not found:
        out.print("nobody is believed to lie there")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("bed", "patient", "visit", "born", "since", "believed"):
        table.add_column(column, overflow="fold")
    for one in found:
        stay = one.stay
        born = stay.birth_date.isoformat() if stay.birth_date else "-"
        table.add_row(stay.bed, stay.patient.value, stay.encounter.value, born, _time(stay.start_us), _sure(one))
    out.print(table)


@app.command("diff")
def diff(
    file: File = None,
    fhir: Fhir = False,
    at: At = "",
    encoding: Encoding = "",
    ward: Ward = None,
    skip_bad: SkipBad = False,
    json_: Json = False,
) -> None:
    """Where a list and what is believed say other things. Changes nothing; exit code 1 where they differ."""
    loaded = settings()
    found = _list(loaded, file, fhir, at, encoding, tuple(ward or ()), skip_bad)
    with reading(loaded, write=True) as database:
        found, compared = _compared(database, loaded, found)
        with database.transaction() as tx:
            note(tx, _who(), "wince census diff", {"origin": found.origin, "moment_us": found.moment_us}, wall_us())
    _print(found, compared, json_)
    if compared.differing or found.bad:
        raise typer.Exit(1)


@app.command("load")
def load(
    file: File = None,
    fhir: Fhir = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    overrule: Annotated[
        list[str] | None,
        typer.Option("--overrule", metavar="BED", help="Believe the list about this bed, although it contradicts; repeat. You looked."),
    ] = None,
    at: At = "",
    encoding: Encoding = "",
    ward: Ward = None,
    skip_bad: SkipBad = False,
    json_: Json = False,
) -> None:
    """Take a list in: patients who are missing here, in beds that are free. What contradicts changes nothing: those beds become doubtful
    until the hospital's messages, a newer list or a person (`wince census confirm`, `--overrule`) settle it.
    Exit code 1 where any is left."""
    loaded, now_us = settings(), wall_us()
    found = _list(loaded, file, fhir, at, encoding, tuple(ward or ()), skip_bad)
    grace_us = round(loaded.census_grace_s * 1e6)
    with reading(loaded, write=True) as database:
        found, compared = _compared(database, loaded, found)
        moves = loading.admissions(found, compared.differing, now_us)
        asked = [move for bed in overrule or () for move in loading.overruling(found, _of(compared, bed), now_us)]
        done, left = loading.Loaded(), compared
        if not dry_run:
            census, namespace = PostgresCensus(database), site_namespace(loaded.site)
            done = loading.take(census, moves, namespace, grace_us=grace_us)
            person = loading.take(census, asked, namespace, asked=True)
            done = loading.Loaded(done.taken + person.taken, done.known + person.known, done.contradicted)
            with database.transaction() as tx:
                left, _ = reconcile.reconcile(tx, found, now_us, grace_us, believe=True)
                trust.vouched(tx, reconcile.agreed(found, left), found.moment_us, _who(), now_us)
                comparisons.loaded(tx)
                note(tx, _who(), "wince census load", {"origin": found.origin, "overruled": " ".join(overrule or ())}, now_us)
    rest = tuple(one for one in left.differing if one.contradicts or not dry_run)
    if json_:
        print(to_json({"dry_run": dry_run, "moment": _iso(found.moment_us), "would_take": len(moves) + len(asked), "taken": done.taken,
                       "known": done.known, "differing": [_difference(one) for one in rest], "bad": found.bad}))  # fmt: skip
    else:
        agreed = f"{compared.agreed} agree, {compared.newer} are left to newer messages"
        if dry_run:
            out.print(f"{len(moves) + len(asked)} would be taken in, {agreed}; nothing was done")
        else:
            known = f", {done.known} were taken before" if done.known else ""
            out.print(f"{done.taken} were taken in{known}, {agreed}")
        _table(rest)
        if found.bad:
            out.print(told(found.bad))
    if rest or found.bad:
        raise typer.Exit(1)


@app.command("confirm")
def confirm(
    bed: Annotated[list[str] | None, typer.Option("--bed", help="Who is believed in this bed does lie there: you looked; repeat.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="The same of every bed that is doubtful.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't show who is believed there and ask again.")] = False,
    json_: Json = False,
) -> None:
    """A person's word: who is believed to lie in these beds does lie there. Record then charts late what was seen meanwhile."""
    if bool(bed) == everybody:
        raise usage.UsageError("say which beds, or --all", field="--bed", remedy="such as --bed 'ICU^101^A'")
    loaded, now_us = settings(), wall_us()
    with reading(loaded, write=True) as database:
        with database.transaction() as tx:
            beds = sorted({one.bed for one in trust.in_doubt(tx, now_us)}) if everybody else sorted(set(bed or ()))
            lying = [view for one in beds for view in census_view.at_moment(tx, now_us, bed=one)]
        if not yes and not json_:
            for view in lying:
                out.print(f"{view.stay.bed}: patient {view.stay.patient.value}, visit {view.stay.encounter.value}")
            if lying and not typer.confirm("do they lie there?"):
                raise typer.Exit(1)
        with database.transaction() as tx:
            found: list[Stay] = []
            for one in lying:  # whom the person saw; who is believed there by now may be somebody else
                found += trust.confirm(tx, [one.stay.bed], _who(), now_us, encounter=one.stay.encounter)
            if not everybody:
                trust.confirm(tx, [one for one in beds if one not in {stay.bed for stay in found}], _who(), now_us)
    if json_:
        print(to_json({"confirmed": [stay.bed for stay in found]}))
    else:
        out.print(f"{_beds(len(found))} confirmed" if found else "no bed is doubtful")


def _list(loaded: Settings, file: Path | None, fhir: bool, at: str, encoding: str, wards: tuple[str, ...], skip_bad: bool) -> CensusList:
    if encoding:
        usage.one_of(encoding, ENCODINGS, "--encoding")
    if file is not None and fhir:
        raise usage.UsageError("a file and --fhir are two sources", field="--fhir", remedy="name one")
    if file is None and not fhir and loaded.census_source == "csv":
        file = loaded.census_file
    if file is not None:
        moment_us = _moment(at, "--at") if at else None
        return census_source.read_file(loaded, file, moment_us=moment_us, encoding=encoding, wards=wards, skip_bad=skip_bad)
    if not fhir and loaded.census_source != "fhir":
        remedy = "name a CSV file, give --fhir, or set census_source"
        raise ConfigError("there is no source of a census", field="census_source", remedy=remedy)
    with ExitStack() as stack:
        return census_source.from_fhir(loaded.model_copy(update={"census_wards": (*loaded.census_wards, *wards)}), stack)()


def _compared(database: Database, loaded: Settings, found: CensusList) -> tuple[CensusList, Compared]:
    with database.transaction() as tx:
        return reconcile.compared_now(tx, found, round(loaded.census_grace_s * 1e6))


def _of(compared: Compared, bed: str) -> Differing:
    for one in compared.differing:
        if one.bed == bed:
            return one
    remedy = "`wince census diff` shows where it does"
    raise InputError("the list does not contradict what is believed of it", field=f"--overrule={bed}", remedy=remedy)


def _print(found: CensusList, compared: Compared, json_: bool) -> None:
    if json_:
        print(to_json({"moment": _iso(found.moment_us), "origin": found.origin, "agreed": compared.agreed, "newer": compared.newer,
                       "differing": [_difference(one) for one in compared.differing], "bad": found.bad}))  # fmt: skip
        return
    out.print(f"census of {_time(found.moment_us)} ({found.origin}): {compared.agreed} agree, {_beds(len(compared.differing))} differ,"
              f" {compared.newer} are left to newer messages")  # fmt: skip
    _table(compared.differing)
    if found.bad:
        out.print(told(found.bad))


_DO = {
    "missing_here": "`wince census load` takes them in",
    "missing_there": "a person looks; then `wince census confirm`, or `load --overrule`",
    "in_no_bed": "a person looks; who does lie there: `load --overrule`, else correct the list",
    "two_in_bed": "correct the list",
}


def _table(differing: Iterable[Differing]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("bed", "difference", "listed", "believed", "what to do"):
        table.add_column(column, overflow="fold")
    for one in differing:
        do = _DO.get(one.kind.value, _DO["missing_there"])
        table.add_row(one.bed, one.kind.value, _people(one.listed, one.bed), _people(one.believed, one.bed), do)
    if table.row_count:
        out.print(table)


def _beds(count: int) -> str:
    return "1 bed" if count == 1 else f"{count} beds"


def _people(rows: Iterable[Listed | Stay], bed: str) -> str:
    said = [f"{row.patient.value} {row.encounter.value}" + ("" if row.bed == bed else f" in {row.bed}") for row in rows]
    return ", ".join(said) or "-"


def _sure(one: BedView) -> str:
    if one.others:
        return "two are believed there"
    return ", ".join(f"doubtful ({two.cause}) since {_time(two.from_us)}" for two in one.doubts) or "yes"


def _view(one: BedView) -> dict[str, Any]:
    doubts = [{"cause": two.cause, "kind": two.kind, "from": _iso(two.from_us)} for two in one.doubts]
    return {**_person(one.stay), "since": _iso(one.stay.start_us), "doubts": doubts, "two_patients": one.others > 0}


def _difference(one: Differing) -> dict[str, Any]:
    return {"kind": one.kind, "bed": one.bed, "contradicts": one.contradicts, "listed": [_person(row) for row in one.listed],
            "believed": [_person(stay) for stay in one.believed]}  # fmt: skip


def _person(row: Listed | Stay) -> dict[str, Any]:
    born = row.birth_date.isoformat() if row.birth_date else None
    return {"bed": row.bed, "patient": row.patient, "encounter": row.encounter, "birth_date": born}


def _who() -> str:
    """Who asks, for the audit trail."""
    return f"user {user()}"


def _moment(text: str, field: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise usage.UsageError("is no ISO 8601 time", field=f"{field}={text}", remedy="such as 2026-01-05T08:00:00Z") from None
    if at.tzinfo is None or len(text) <= 10:
        raise usage.UsageError("needs a time of day and an offset", field=f"{field}={text}", remedy="such as 2026-01-05T08:00:00Z")
    return int(at.astimezone(UTC).timestamp() * 1_000_000)


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
