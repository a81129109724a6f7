"""`wince serve SERVICE`: one service of the road as a process, until SIGTERM."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from wince.cli import usage
from wince.cli.common import settings


def serve(
    service: Annotated[str, typer.Argument(help="capture, detect, estimate, grade, record, care, hospital or imaging.")],
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True, help="End when standard input ends.")] = False,
) -> None:
    """Run one service until SIGTERM or Ctrl-C; then finish what is in hand.

    Needs WINCE_KAFKA_BOOTSTRAP and WINCE_PG_DSN, capture also WINCE_DETECT. Health: grpc.health.v1 on its port.
    """
    from wince.serve import process  # gRPC takes its time; other commands don't wait for it

    process.serve(usage.one_of(service, (*process.SERVICES, *process.WHERE_SET), "SERVICE"), settings(), supervised=supervised)
    if supervised:  # all is closed and written; the interpreter would free its memory for half a second more, while `wince up` waits
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
