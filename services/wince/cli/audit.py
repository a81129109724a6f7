"""`wince audit`: the trail that proves what happened."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated

import typer
from rich.table import Table

from wince.anchors import compare
from wince.cli import usage
from wince.cli.common import Json, author, out, settings, to_json
from wince.clock import wall_us
from wince.domain.audit import Verified, Witness
from wince.errors import ConfigError
from wince.serve import anchors
from wince.serve.reading import reading
from wince.serve.state_dir import Places
from wince.store import audit, checkpoint_file, checkpoints, erasing, restoring, undoing, verification

app = typer.Typer(no_args_is_help=True, help="The audit trail: a hash chain in the database, signed checkpoints outside it.")


@app.command("verify")
def verify(
    key: Annotated[
        str, typer.Option("--key", help="Public key (hex) whose checkpoints are believed; default: that of the installation's key.")
    ] = "",
    since_last: Annotated[
        bool,
        typer.Option("--since-last", help="Begin behind what the last --since-last proved, and keep a signed note of what this proves."),
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Don't ask the second places of checkpoints (anchor_file, anchor_bucket, anchor_tsa_url).")
    ] = False,
    json_: Json = False,
) -> None:
    """Check every link, payload and checkpoint, and that what is charted, sent and believed is what the chain says; and ask the second
    places that are set whether they saw the same chain.

    Exit code 9 where something was changed, 1 where the trail is empty, 6 where a second place can't be asked. Works beside a running
    Wince; makes nothing, but for the note of --since-last. That one does not look again at rows that an earlier one proved: run the
    whole, too.
    """
    if key and not re.fullmatch("[0-9a-fA-F]{64}", key):
        raise usage.UsageError("is no public key", field="--key", remedy="64 hexadecimal digits: the raw bytes of the Ed25519 key")
    loaded = settings()
    places = Places.of(loaded)
    with reading(loaded) as database:
        public = key.lower() or _public(places)
        own = checkpoints.existing_key(places.audit_key)
        site_keys = (*loaded.audit_earlier_keys, *([checkpoints.public_hex(own)] if own else []))
        with database.transaction() as tx:
            lost = restoring.told(tx)
        since = verification.read_note(places.verified, public) if since_last else None
        if since is not None and any(one.after < since.start.seq < one.seq for one in lost):
            since = None  # it proved rows that were lost: everything is verified again
        seen = [] if local else compare.witnesses(database, anchors.places(loaded))
        done = verification.verify(database, places.checkpoints, public, witnesses=seen, since=since, site_keys=site_keys)
        found, note = done.found, done.note(wall_us(), since)
        if since_last and found.count:
            _keep(places, note)
        with database.transaction() as tx:
            why, given_up, undone = erasing.explained(tx), checkpoint_file.given_up(tx), undoing.told(tx)
    gaps = sum(one.seq - one.after - 1 for one in lost)
    if json_:
        said = {"rows": found.count - gaps, "head": found.head.hex(), "checkpointed": found.checkpoint, "erased": found.erased}
        said |= {"tail": found.tail, "compared": found.compared, "unproven": found.unproven}
        said |= {"witnessed": found.witnessed, "unwitnessed": found.unwitnessed, "places": sorted({one.place for one in seen})}
        said |= {"since": found.since, "last_full": note.full_at, "last_full_rows": note.full_seq}
        said |= {"undone": undone, "restored": lost}
        said |= {"erased_on_purpose": sum(number for _, _, number in why)}
        print(to_json({"verified": found.count > 0, **said}))
    elif not found.count:
        out.print("the audit trail is empty: nothing has happened here yet, nothing was verified")
    else:
        chain = f"audit chain verified ({found.count - gaps} entries), head {found.head.hex()[:16]}"
        if since is not None:
            out.print(
                f"begun behind row {found.since}; the last verification of everything, {note.full_seq} rows, was at {note.full_at[:19]}Z"
            )
        out.print(f"{chain}, {found.erased} payloads erased{_tail(found)}")
        out.print(f"{found.compared} records match it: entries, windows, alerts, verdicts, movements, stays, and what is sent of them")
        for line in _witnessed(found, seen, asked=not local and bool(anchors.places(loaded))):
            out.print(line, markup=False)
        if found.unproven:
            out.print(f"  {found.unproven} more can't be compared: an earlier release wrote them, or their payload was erased")
        for what, at_us, number in why:
            out.print(f"  {number} by an erasure ({what}) at {audit.utc(at_us)[:19]}Z; their digests are in the chain")
        for one in undone:
            what = f"{one.messages} windows, alerts and questions of {one.source} behind {audit.utc(one.from_us)[:19]}Z"
            out.print(f"  {what} were withdrawn at {one.at[:19]}Z by {one.by}: {one.reason}", markup=False)
        for gone in lost:
            where = f"rows {gone.after + 1} to {gone.known}" if gone.known > gone.after else f"what may have stood behind row {gone.after}"
            what = f"  {where} were lost and the chain goes on with row {gone.seq}, says {gone.by} at {gone.at[:19]}Z: {gone.reason}"
            out.print(what, markup=False)
        for at, by, reason in given_up:
            out.print(f"  the checkpoints of before {at[:19]}Z were given up by {by}: {reason}", markup=False)
    if not found.count:
        raise typer.Exit(1)


def _public(places: Places) -> str:
    """Whose signatures are believed, hex; empty where there are no checkpoints. Raises ConfigError where the key of some is missing."""
    own = checkpoints.existing_key(places.audit_key)
    if own is not None:
        return checkpoints.public_hex(own)
    if checkpoint_file.read(places.checkpoints):
        raise ConfigError(
            "the key that signed the checkpoints is not here", field=str(places.audit_key), remedy="give its public half with --key"
        )
    return ""


def _keep(places: Places, note: verification.Note) -> None:
    """Signs what was proven. Raises ConfigError where the private key is not here."""
    own = checkpoints.existing_key(places.audit_key)
    if own is None:
        remedy = "run it where record's key is, or without --since-last"
        raise ConfigError("the key that signs what was proven is not here", field=str(places.audit_key), remedy=remedy)
    verification.write_note(places.verified, note, own)


def _witnessed(found: Verified, seen: Sequence[Witness], *, asked: bool) -> Iterator[str]:
    """What second places say, a line each."""
    if not asked:
        return
    for place in sorted({one.place for one in seen}):
        last = max((one for one in seen if one.place == place), key=lambda one: one.seq)
        yield f"  witnessed up to row {last.seq} by {place} ({last.at[:19].rstrip('Z')}Z)"
    yield f"  the last {found.unwitnessed} links are at no second place yet" if found.unwitnessed else "  every link is witnessed"


def _tail(found: Verified) -> str:
    if not found.checkpoint:
        return "; no checkpoint stands here: an owner of the database could have written all of it"
    return f"; the last {found.tail} are not covered by a checkpoint yet" if found.tail else ""


@app.command("show")
def show(
    entry: Annotated[str, typer.Option("--entry", help="Only what is about this id (entry, assessment, question, message).")] = "",
    after: Annotated[int, typer.Option("--after", help="Begin behind this sequence number.", min=0)] = 0,
    limit: Annotated[int, typer.Option("--limit", help="Most rows.", min=1, max=100000)] = 50,
    json_: Json = False,
) -> None:
    """Rows of the trail: what happened when to which id. Payloads (they may hold patient data) are not shown."""
    about = usage.identity(entry, "--entry", "`wince run --json`") if entry else None
    with reading(settings()) as database:
        rows = list(islice(audit.rows(database, after, entry=about), limit))
    if json_:
        for row in rows:
            print(
                to_json(
                    {
                        "seq": row.seq,
                        "at": row.at,
                        "entry": row.entry,
                        "revision": row.revision,
                        "event": row.event,
                        "attempt": row.attempt,
                        "hash": row.hash.hex(),
                    }
                )
            )
        return
    if not rows:
        out.print("no row is about that id" if entry else "no row comes behind that one" if after else "the audit trail is empty")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("seq", "at", "event", "attempt", "entry", "revision", "hash"):
        table.add_column(column)
    for row in rows:
        table.add_row(str(row.seq), row.at, row.event, str(row.attempt), str(row.entry), str(row.revision), row.hash.hex()[:16])
    out.print(table)


@app.command("checkpoints-lost")
def give_up(
    by: Annotated[str, typer.Option("--by", help="Who says so (a staff identifier, no name). The user of this machine stands beside it.")],
    reason: Annotated[str, typer.Option("--reason", help="What became of the checkpoints or the key; no patient's name.")],
) -> None:
    """Say that the checkpoints, or the key that signed them, are lost for good. Wince then signs from here on, and the chain keeps it.

    What the lost checkpoints proved is proven no more. First look for a copy. Set the old file aside, or it is still read.
    """
    with reading(settings(), write=True) as database:
        checkpoints.give_up(database, author(by), reason, wall_us())
    out.print("Wince signs from here on with its next start; the audit trail says who said so, and why")


@app.command("restored")
def restored(
    by: Annotated[str, typer.Option("--by", help="Who says so (a staff identifier, no name). The user of this machine stands beside it.")],
    reason: Annotated[str, typer.Option("--reason", help="Which backup, or which standby, and why; no patient's name.")],
    local: Annotated[
        bool, typer.Option("--local", help="Don't ask the second places of checkpoints (anchor_file, anchor_bucket, anchor_tsa_url).")
    ] = False,
) -> None:
    """Say that the database is an older backup, or a promoted standby, so that its last rows may be lost. Wince then goes on.

    Stop all services first. What stands is verified, then the chain goes on with a number beyond all that checkpoints and second places
    know: no number stands for two rows. The statement is signed with the audit key and stays in the chain; `wince audit verify` shows it.
    """
    loaded = settings()
    places = Places.of(loaded)
    key = checkpoints.existing_key(places.audit_key)
    if key is None:
        remedy = "run it where record's key is: the chain believes the site's key alone"
        raise ConfigError("the key that signs the statement is not here", field=str(places.audit_key), remedy=remedy)
    with reading(loaded, write=True) as database:
        seen = [] if local else compare.witnesses(database, anchors.places(loaded))
        said = restoring.restore(database, places.checkpoints, key, seen, author(by), reason, wall_us(), loaded.audit_earlier_keys)
    if said.known > said.after:
        out.print(f"rows {said.after + 1} to {said.known} of the audit trail are lost: checkpoints or second places speak of them")
    else:
        out.print(f"nobody knows a row behind row {said.after}; what was written behind the last checkpoint may be lost all the same")
    out.print(f"the chain goes on with row {said.seq}")
