"""Tells peers at their own address what storage commitments came to (port `wince.dicom.scp.interface.Reporter`).

What is to be told stands in the database before the request is answered, and is told again until the peer acknowledges it, whatever becomes
of this process: at a kill behind the acknowledgement a peer hears it twice, which says the same. After GIVE_UP_US it is given up: a peer
asks again.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from uuid import UUID

from wince.backoff import Backoff
from wince.clock import Clock, wall_us
from wince.dicom.scp.interface import Report
from wince.dicom.scp.peers import Peer
from wince.dicom.scu import reporting
from wince.dicom.scu.connection import Peer as Called
from wince.dicom.scu.connection import Terms
from wince.errors import WinceError
from wince.store import commitments
from wince.store.commitments import Promise, Waiting
from wince.store.database import Database
from wince.telemetry import logs

log = logs.get(__name__)

GIVE_UP_US = 24 * 3_600_000_000
TOTAL_S = 15.0
"""Longest time of one report."""
TERMS = Terms("the peer", "dicom_title", "dicom_peers", "dicom_client_ca_file", "dicom_cert_file")


class CommitmentReporter:
    """`report` is called from several threads; `look` from one, again and again."""

    def __init__(
        self,
        database: Database,
        place: UUID,
        peers: Sequence[Peer],
        title: str,
        tls: Callable[[], ssl.SSLContext] | None = None,
        *,
        again: Backoff | None = None,
        clock: Clock = wall_us,
    ) -> None:
        """`place`: of the folder of objects. `title`: our own. `tls`: makes the context by which peers are reached; None: in the clear."""
        self._database, self._place, self._title, self._tls = database, place, title, tls
        self._peers = {peer.title: peer for peer in peers if peer.host and peer.port}
        self._again, self._clock = again or Backoff(1.0, 300.0, jitter=0.2), clock

    def report(self, peer: Peer, event: Report) -> bool:
        """See Reporter.report."""
        if peer.title not in self._peers:
            return False
        promise = Promise(event.transaction, event.kept, event.failed)
        with self._database.transaction() as tx:
            return commitments.add(tx, self._place, peer.title, promise, self._clock())

    def look(self) -> None:
        """Tell what is due, of each peer until it can't be told. Raises StoreError, Unavailable of the database."""
        with self._database.transaction() as tx:
            given_up = commitments.give_up(tx, self._place, self._clock() - GIVE_UP_US)
            due = commitments.due(tx, self._place, self._clock())
        for peer in given_up:
            log.error("a peer was not told of a storage commitment within a day; it must ask again", sender=peer)
        failed: set[str] = set()
        for waiting in due:
            if waiting.peer not in failed and not self._told(waiting):
                failed.add(waiting.peer)

    def _told(self, waiting: Waiting) -> bool:
        done = self._once(waiting)
        with self._database.transaction() as tx:
            if done:
                commitments.told(tx, self._place, waiting)
            else:
                wait_us = round(self._again.wait_s(waiting.attempts + 1) * 1e6)
                commitments.later(tx, self._place, waiting.peer, self._clock() + wait_us)
        return done

    def _once(self, waiting: Waiting) -> bool:
        peer, said = self._peers.get(waiting.peer), waiting.promise
        if peer is None:  # it was taken out of the settings: it may come back
            return False
        called = Called(peer.host, peer.port, peer.title, self._title, None if self._tls is None else self._tls(), TERMS)
        try:
            if reporting.tell(called, Report(said.transaction, said.kept, said.failed), total_s=TOTAL_S):
                return True
            log.warning("a peer did not take the report of a storage commitment", sender=waiting.peer, attempts=waiting.attempts + 1)
        except WinceError as error:
            log.warning("a peer could not be told of a storage commitment", sender=waiting.peer, attempts=waiting.attempts + 1, error=error)
        return False
