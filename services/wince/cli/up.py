"""`wince up`: everything on this machine as supervised processes, until Ctrl-C."""

from __future__ import annotations

import json
import signal
import time
from contextlib import suppress

from wince.cli.common import Json, out, settings
from wince.local.stopping import Stopped, keeps, stoppable

LOOK_S = 0.5
"""How often it is looked whether what keeps everything running still does."""


def up(json_: Json = False) -> None:
    """Start PostgreSQL, Kafka, an EHR sandbox (where no other is set) and every service; keep them running until Ctrl-C, then drain.

    Cameras come from the configuration (WINCE_CONFIG). Kafka needs Java 17 and Maven, or WINCE_KAFKA_BOOTSTRAP.
    """
    from wince.serve.up import Up  # gRPC takes its time; other commands don't wait for it

    def told(who: str, what: str) -> None:
        if json_:
            print(json.dumps({"event": what, "who": who}), flush=True)
        else:
            out.print(f"{who:<10} {what}", style="dim" if what in ("started", "starts") else None)

    loaded = settings()
    keeps(lambda: f"what is committed is kept in {loaded.state_dir}", "`wince up` goes on from there")
    # A service manager and a closed terminal wait for the drain, however long it takes; a person does not.
    with stoppable(patient=(signal.SIGTERM, signal.SIGHUP)), Up(loaded, told) as running:
        ports = running.ports
        if json_:
            print(json.dumps({"event": "up", "ports": ports, "ehr": running.sandbox.base_url if running.sandbox else None}), flush=True)
        else:
            out.print("up: " + ", ".join(f"{name} 127.0.0.1:{port}" for name, port in ports.items()) + "; Ctrl-C drains and stops")
        with suppress(Stopped):
            while (error := running.failed()) is None:
                time.sleep(LOOK_S)
            raise error
        told("all", f"drains; what is committed is kept in {loaded.state_dir}")
