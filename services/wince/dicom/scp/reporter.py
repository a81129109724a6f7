"""Tells peers what storage commitments came to, each on an association that we open (PS3.4 section J.3.3): as the SCP, by role selection.

What could not be told within TRIES is given up, and so is what is in hand when the process ends: a peer that misses its report asks again.
"""

from __future__ import annotations

import queue
import ssl
import threading
from collections.abc import Callable

from wince.backoff import Backoff
from wince.dicom.scp import commitment
from wince.dicom.scp.interface import Report
from wince.dicom.scp.peers import Peer
from wince.dicom.scp.tables import COMMITMENT, COMMITMENT_INSTANCE, EXPLICIT, IMPLICIT
from wince.parts import WatchedThread
from wince.telemetry import logs

log = logs.get(__name__)

WAITING, TRIES, TIMEOUT_S = 256, 6, 15.0


class CommitmentReporter:
    """A part of a process, and a port (`wince.dicom.scp.interface.Reporter`)."""

    name = "commitment"

    def __init__(self, title: str, tls: Callable[[], ssl.SSLContext] | None = None, again: Backoff | None = None) -> None:
        """`title`: our own. `tls`: makes the context by which peers are reached; None: in the clear."""
        self._title, self._tls, self._again = title, tls, again or Backoff(1.0, 60.0)
        self._queue: queue.Queue[tuple[Peer, Report] | None] = queue.Queue(WAITING)
        self._stopped = threading.Event()
        self._thread = WatchedThread(self.name, self._run, self._stopped)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is in hand."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_S + 5)

    def failed(self) -> BaseException | None:
        """What ended it for good."""
        return self._thread.failed()

    def report(self, peer: Peer, event: Report) -> bool:
        """See Reporter.report."""
        if not peer.host or not peer.port:
            return False
        try:
            self._queue.put_nowait((peer, event))
        except queue.Full:
            return False
        return True

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                item = self._queue.get(timeout=0.5)
            except queue.Empty:
                continue
            if item is not None:
                self._tell(*item)

    def _tell(self, peer: Peer, event: Report) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                if self._once(peer, event):
                    return
            except Exception as error:  # pynetdicom raises what sockets and its own parsing do
                log.warning("a peer could not be told of a storage commitment", attempt=attempt, error=error)
            if self._stopped.wait(self._again.wait_s(attempt)):
                return
        log.error("a peer was not told of a storage commitment; it must ask again", attempts=TRIES)

    def _once(self, peer: Peer, event: Report) -> bool:
        from pynetdicom import AE
        from pynetdicom.presentation import build_role

        entity = AE(ae_title=self._title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = TIMEOUT_S
        entity.add_requested_context(COMMITMENT, [EXPLICIT, IMPLICIT])
        tls = None if self._tls is None else (self._tls(), peer.host)
        association = entity.associate(
            peer.host, peer.port, ae_title=peer.title, ext_neg=[build_role(COMMITMENT, scp_role=True)], tls_args=tls
        )
        if not association.is_established:
            return False
        try:
            status, _ = association.send_n_event_report(commitment.dataset(event), commitment.event(event), COMMITMENT, COMMITMENT_INSTANCE)
            return bool(status.get("Status") == 0)
        finally:
            association.release()
