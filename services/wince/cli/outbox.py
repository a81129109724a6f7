"""`wince outbox`: what the targets have not taken and why, and trying it again once a person has put things right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from wince.cli import usage
from wince.cli.common import Json, author, out, settings, to_json
from wince.clock import wall_us
from wince.delivery import books
from wince.delivery.books import Backlog, Chore, DeadLetter
from wince.errors import InputError
from wince.pipeline.record import aside
from wince.serve.reading import reading
from wince.store import asides
from wince.store.database import Tx

app = typer.Typer(no_args_is_help=True, help="What waits for the targets, holds, dead letters and their replay.")


@contextmanager
def _opened(*, write: bool = False) -> Iterator[Tx]:
    """A transaction on the installation's database; nothing is sent."""
    with reading(settings(), write=write) as database, database.transaction() as tx:
        yield tx


@app.command("list")
def list_command(json_: Json = False) -> None:
    """What is not written, by target and state; holds with reason and remedy; dead letters (what a target refused for good)."""
    with _opened() as tx:
        backlog, dead = books.backlog(tx), books.dead(tx)
        by_hand, unfinished = books.chores(tx), books.unfinished(tx)
    if json_:
        print(to_json({"targets": backlog, "dead": dead, "by_hand": by_hand, "unfinished": unfinished}))
        return
    show(backlog)
    if dead:
        out.print(_letters(dead))
        out.print("put right what a target refused, then: wince outbox replay ENTRY REVISION --target TARGET", highlight=False)
    if by_hand:
        out.print(_chores(by_hand, "to be done by a person"))
        out.print("these targets take nothing back: do it there, then: wince outbox done ENTRY REVISION --target TARGET", highlight=False)
    if unfinished:
        out.print(_chores(unfinished, "written, but refused beside it"))
        out.print("put right what a target refused, then: wince outbox replay ENTRY REVISION --target TARGET", highlight=False)


def show(backlog: Sequence[Backlog]) -> None:
    """Print what each target has not taken, and why a target is held."""
    if not backlog:
        out.print("everything is written")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("target", "waiting", "being sent", "held", "switched off", "behind a dead letter", "dead", "oldest"):
        table.add_column(column)
    for of_target in backlog:
        numbers = (of_target.waiting, of_target.leased, of_target.held, of_target.off, of_target.stuck, of_target.dead)
        table.add_row(of_target.target, *(str(number) for number in numbers), _age(of_target.oldest_s))
    out.print(table)
    for hold in (of_target.hold for of_target in backlog if of_target.hold):
        times = "once" if hold.probes == 1 else f"{hold.probes} times"
        out.print(
            f"{hold.target} is held since {_moment(hold.since_us)}: {hold.detail}; asked again {times}, next at"
            f" {_moment(hold.next_probe_us)}. Remedy: {hold.remedy}",
            highlight=False,
        )


def _letters(dead: Sequence[DeadLetter]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("entry", "revision", "target", "attempts", "answer"):
        table.add_column(column, overflow="fold")
    for letter in dead:
        table.add_row(str(letter.entry), str(letter.revision), letter.target, str(letter.attempts), letter.detail)
    return table


def _chores(chores: Sequence[Chore], what: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("entry", "revision", "target", "at", what):
        table.add_column(column, overflow="fold")
    for one in chores:
        table.add_row(str(one.entry), str(one.revision), one.target, one.location, one.detail)
    return table


def _moment(at_us: int) -> str:
    """To the second, UTC.

    >>> _moment(0)
    '1970-01-01 00:00:00 UTC'
    """
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _age(seconds: float) -> str:
    """An age in its largest fitting unit.

    >>> _age(0), _age(42.4), _age(600), _age(7200), _age(300_000)
    ('-', '42 s', '10 min', '2 h', '3 d')
    """
    if not seconds:
        return "-"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


@app.command("replay")
def replay(
    entry: Annotated[str, typer.Argument(help="Id of the entry, as `wince outbox list` shows it.")],
    revision: Annotated[int, typer.Argument(help="Its revision.", min=1)] = 1,
    target: Annotated[str, typer.Option(help="Whose dead letter; may be left out where one target alone refused it.")] = "",
) -> None:
    """Try a dead letter again, or what was refused beside an entry: somebody has put right what was wrong. A running Wince sends it at
    once, else the next one that starts.

    The audit trail says so.
    """
    wanted = usage.identity(entry, "ENTRY", "`wince outbox list`")
    with _opened(write=True) as tx:
        books.replay(tx, wanted, revision, target, wall_us())
    out.print("a running Wince sends it now, else the next one that starts")


@app.command("done")
def done(
    entry: Annotated[str, typer.Argument(help="Id of the entry, as `wince outbox list` shows it.")],
    revision: Annotated[int, typer.Argument(help="Its revision.", min=1)],
    by: Annotated[
        str, typer.Option(help="Who did it: a staff identifier, for the audit trail. The user of this machine stands beside it.")
    ],
    target: Annotated[str, typer.Option(help="Where; may be left out where there is only one.")] = "",
) -> None:
    """A person did at the target what it can't be made to do: withdraw or restore an entry there. The audit trail says so."""
    usage.words(by, "--by", "the staff identifier of who did it")
    wanted = usage.identity(entry, "ENTRY", "`wince outbox list`")
    with _opened(write=True) as tx:
        chore = books.done(tx, wanted, revision, target, author(by), wall_us())
    out.print(f"kept: {chore.detail}: done by {by}", highlight=False)


@app.command("aside")
def aside_command(
    retry: Annotated[str, typer.Option("--retry", metavar="CAMERA", help="Try this camera's messages again at once.")] = "",
    json_: Json = False,
) -> None:
    """Cameras whose messages can't be written into the record, and why. They are kept in order; other cameras go on."""
    with _opened(write=bool(retry)) as tx:
        if retry and not asides.again(tx, retry):
            raise InputError("nothing of this camera is set aside", field="--retry", remedy="wince outbox aside")
        found = asides.listed(tx)
    if json_:
        print(to_json({"aside": found}))
        return
    if not found:
        out.print("nothing is set aside")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("camera", "messages", "since", "tried", "why"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(one.source, str(one.messages), _age(one.age_s), str(one.failures), one.error)
    out.print(table)
    out.print("put right what it names; it is tried again by itself, or now: wince outbox aside --retry CAMERA", highlight=False)
    out.print("what can't be put right: wince outbox drop CAMERA --reason WHY", highlight=False)


@app.command("drop")
def drop(
    camera: Annotated[str, typer.Argument(help="As `wince outbox aside` shows it.")],
    reason: Annotated[str, typer.Option(help="Why; without a patient's name. Stands in the audit trail.")],
    by: Annotated[str, typer.Option(help="Who decides it; the user of this machine stands beside it.")] = "",
) -> None:
    """Give up, for ever, the one message that keeps a camera's messages from the record; those behind it are tried next.

    What it said is in no record. The audit trail says that, why, and who decided it.
    """
    usage.words(reason, "--reason", "say why, without a patient's name")
    with _opened(write=True) as tx:
        kind = aside.drop(tx, camera, reason.strip(), author(by), wall_us())
        left = sum(one.messages for one in asides.listed(tx) if one.source == camera)
    out.print(f"given up: one {kind} of {camera}; {left} behind it", highlight=False)


@app.command("release")
def release(target: Annotated[str, typer.Argument(help="Name of the target, as `wince outbox list` shows it.")]) -> None:
    """Lift a hold at once: somebody has put right what held the target. The audit trail says so."""
    with _opened(write=True) as tx:
        if not books.release(tx, target, "wince outbox release", wall_us()):
            held = ", ".join(hold.target for hold in books.holds(tx)) or "none"
            raise InputError("is not held", field=f"TARGET={target}", remedy=f"`wince outbox list` shows what is; held now: {held}")
    out.print("a running Wince tries it now, else the next one that starts")
