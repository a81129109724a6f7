"""`wince up`: everything on this machine as supervised processes, until Ctrl-C."""

from __future__ import annotations

import signal
import time
from contextlib import suppress

from wince.cli.common import Json, out, settings
from wince.local.stopping import Stopped, keeps, stoppable

LOOK_S = 0.5
"""How often it is looked whether what keeps everything running still does."""
EVERY = 4
"""After so many of these looks cameras and deliveries are looked at."""


def up(json_: Json = False) -> None:
    """Start PostgreSQL, Kafka, an EHR sandbox (where no other is set) and every service; keep them running until Ctrl-C, then drain.

    On a terminal services, cameras and deliveries are shown live, else a line for each change. Cameras come from the configuration
    (WINCE_CONFIG). Kafka needs Java 17 and Maven, or WINCE_KAFKA_BOOTSTRAP.
    """
    from wince.cli.up_view import LineView, TableView, View  # gRPC takes its time; other commands don't wait for it
    from wince.serve.status.collect import collect
    from wince.serve.up import Up

    loaded = settings()
    keeps(lambda: f"what is committed is kept in {loaded.state_dir}", "`wince up` goes on from there")
    view: View = TableView(out) if out.is_terminal and not json_ else LineView(out, as_json=json_)
    # A service manager and a closed terminal wait for the drain, however long it takes; a person does not.
    with stoppable(patient=(signal.SIGTERM, signal.SIGHUP)), view, Up(loaded, view.told) as running:
        view.up(running.ports, running.sandbox.base_url if running.sandbox else None)
        with suppress(Stopped):
            looks = 0
            while (error := running.failed()) is None:
                if looks % EVERY == 0:
                    view.saw(collect(running.look(), view.subjects, seconds=2.0))
                looks += 1
                time.sleep(LOOK_S)
            raise error
        view.told("all", f"drains; what is committed is kept in {loaded.state_dir}")
