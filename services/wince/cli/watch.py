"""`wince watch`: what record and care commit, as it is, over gRPC."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from wince.cli import usage
from wince.cli.common import Json, out, settings

if TYPE_CHECKING:
    from wince.clients.watch import Watched
    from wince.settings import Settings

KINDS = ("assessment", "alert", "question", "verdict", "pause", "entry", "acknowledgement")


def watch(
    bed: Annotated[str, typer.Option("--bed", help="Of this bed only, such as ICU^101^A.")] = "",
    ward: Annotated[str, typer.Option("--ward", help="Of this ward only: what stands before the bed's first ^.")] = "",
    kind: Annotated[list[str] | None, typer.Option("--kind", help=f"One of {', '.join(KINDS)}; repeat for more. Default: all.")] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Begin with what holds now: newest windows, alerts nobody has seen, open questions, pauses.")
    ] = False,
    resume: Annotated[str, typer.Option("--resume", metavar="TOKEN", help="Go on behind the line of --json with this token.")] = "",
    to: Annotated[
        list[str] | None, typer.Option("--to", metavar="HOST:PORT", help="Record's address; repeat for replicas. Default: this machine's.")
    ] = None,
    json_: Json = False,
) -> None:
    """Tell what is committed, as it is, until Ctrl-C: windows, alerts, questions, verdicts, pauses, entries. Over a restart of the service
    too.

    Needs `wince up`, or record's address, and a token with the role reader or nurse where the service asks for one
    (WINCE_RPC__CLIENT_TOKEN_FILE). The audit trail says who watched.
    """
    from wince.clients.watch import WatchClient  # gRPC takes its time; other commands don't wait for it
    from wince.local.stopping import Stopped

    if bed and ward:
        raise usage.UsageError("only one can be named", field="--bed, --ward", remedy="name one of them, or none for all")
    kinds = [usage.one_of(one, KINDS, "--kind") for one in kind or ()]
    loaded = settings()
    places = to or _here(loaded)
    _there(places, loaded)
    with WatchClient(places, loaded.rpc) as client, suppress(Stopped):
        for told in client.watch(bed, ward=ward, kinds=kinds, resume=resume, snapshot=now):
            if json_:
                print(_json(told), flush=True)
            elif told.item is not None:
                out.print(_line(told), highlight=False)


def _here(loaded: Settings) -> list[str]:
    """Where record listens on this machine: what a running `wince up` says, else its own port."""
    from wince.rpc.ports import PORTS
    from wince.serve import whereabouts
    from wince.serve.state_dir import Places

    up = whereabouts.read(Places.of(loaded))
    found = [one.address for one in up.services if one.name == "record"] if up is not None else []
    return found or [f"127.0.0.1:{loaded.rpc.port or PORTS['record']}"]


def _there(places: Sequence[str], loaded: Settings) -> None:
    """Raises Unavailable where nobody answers at any of these: the client itself waits for a service that restarts."""
    from wince.errors import Unavailable
    from wince.serve.status.services import serving

    if not any(isinstance(serving(place, loaded), bool) for place in places):
        remedy = "start Wince (`wince up`), or say where record listens: --to HOST:PORT"
        raise Unavailable("no record service answers", field=", ".join(places), remedy=remedy)


def _json(told: Watched) -> str:
    """One line: the answer as protobuf's JSON."""
    from google.protobuf.json_format import MessageToJson

    return MessageToJson(told.answer, preserving_proto_field_name=True, indent=None)


def _line(told: Watched) -> str:
    answer = told.answer
    name = answer.WhichOneof("item") or ""
    item = getattr(answer, name)
    item = item.question if name == "question" else item
    start_us = getattr(item, "start_us", 0) or getattr(item, "at_us", 0)
    said = getattr(item, "grade_name", "") or _reason(item)
    at = datetime.fromtimestamp(start_us / 1e6, UTC).strftime("%H:%M:%S") if start_us else "-"
    held = " (holds)" if told.snapshot else ""
    return f"{at}  {told.bed or '-':<16} {name:<15} {said}{held}".rstrip()


def _reason(item: object) -> str:
    from wince.api.reason.v1 import reason_pb2

    number = getattr(item, "reason", 0)
    names = reason_pb2.Reason.DESCRIPTOR.values_by_number
    return names[number].name.removeprefix("REASON_").lower() if number and hasattr(item, "source") and number in names else ""
