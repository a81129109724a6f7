"""Storage commitments that a peer is told of at its own address: until it acknowledges them, across restarts, and within bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.presentation import build_role

from tests.integration.imaging_world import person, shown, storescu, world
from tests.integration.test_services_memory import free_port
from wince.backoff import Backoff
from wince.dicom.scp.interface import Report
from wince.dicom.scp.peers import Peer
from wince.dicom.scp.tables import COMMITMENT, COMMITMENT_INSTANCE, EXPLICIT, IMPLICIT
from wince.pipeline.capture.studies.commitments import GIVE_UP_US, CommitmentReporter
from wince.store import commitments
from wince.testing.dicom import objects

REPORT = Report("1.2.3.4", (("1.2.840.10008.5.1.4.1.1.77.1.4", "1.2.5"),), (("1.2.840.10008.5.1.4.1.1.77.1.4", "1.2.6"),))


class Cart:
    """A pynetdicom AE that asks for storage commitment, and hears the report on an association of the other side."""

    def __init__(self, port: int) -> None:
        self.port, self.heard, self.status = port, list[tuple[int, Dataset]](), 0x0000
        self._new = threading.Condition()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hears reports; each is answered with `status`."""
        entity = AE("CART")
        entity.add_supported_context(COMMITMENT, [EXPLICIT, IMPLICIT], scu_role=False, scp_role=True)
        server = entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._report)])
        try:
            yield
        finally:
            server.shutdown()

    def _report(self, event: evt.Event) -> tuple[int, None]:
        with self._new:
            self.heard.append((event.event_type, event.event_information))
            self._new.notify_all()
        return self.status, None

    def hears(self, count: int) -> None:
        """Wait until it has heard so many."""
        with self._new:
            assert self._new.wait_for(lambda: len(self.heard) >= count, 60)

    def asks(self, port: int, references: list[tuple[str, str]], transaction: str = "1.2.3.4") -> int:
        """Ask for storage commitment; the status of the answer."""
        entity = AE("CART")
        entity.add_requested_context(COMMITMENT, [EXPLICIT])
        association = entity.associate("127.0.0.1", port, ae_title="WINCE", ext_neg=[build_role(COMMITMENT, scu_role=True)])
        asked = Dataset()
        asked.TransactionUID, asked.ReferencedSOPSequence = transaction, []
        for sop_class, instance in references:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
            asked.ReferencedSOPSequence.append(item)
        status, _ = association.send_n_action(asked, 1, COMMITMENT, COMMITMENT_INSTANCE)
        association.release()
        return int(status.Status)


def waiting(database) -> int:
    with database.transaction() as tx:
        return tx.execute("SELECT count(*) FROM commitment").fetchone()[0]


def test_a_peer_that_is_away_is_told_when_it_is_back_though_the_service_began_anew(database, database_dsn, state_dir, tmp_path):
    cart, made = Cart(free_port()), objects.pictures(shown(), person())
    more = {"dicom_peers": (f"CART@127.0.0.1:{cart.port}",)}
    wanted = [(str(made.SOPClassUID), str(made.SOPInstanceUID)), (str(made.SOPClassUID), "1.2.3")]
    with world(database_dsn, database, state_dir / "state", ("imaging",), **more) as here:
        storescu(here.port, objects.write(made, tmp_path / "p.dcm"), options=("-R", "-aet", "CART"))
        assert cart.asks(here.port, wanted) == 0
        assert not cart.heard
    assert waiting(database) == 1
    with world(database_dsn, database, state_dir / "state", ("imaging",), **more) as here, cart.listening():
        here.until(lambda: not waiting(database))
    ((kind, said),) = cart.heard
    assert (kind, said.TransactionUID) == (2, "1.2.3.4")
    assert [one.ReferencedSOPInstanceUID for one in said.ReferencedSOPSequence] == [made.SOPInstanceUID]
    assert [(one.ReferencedSOPInstanceUID, one.FailureReason) for one in said.FailedSOPSequence] == [("1.2.3", 0x0112)]


@pytest.fixture
def cart() -> Cart:
    return Cart(free_port())


def reporter(database, cart: Cart, now_us, place=None) -> CommitmentReporter:
    peers = [Peer("CART", "127.0.0.1", cart.port), Peer("NOWHERE")]
    return CommitmentReporter(database, place or uuid4(), peers, "WINCE", again=Backoff(10.0, 300.0), clock=lambda: now_us[0])


def test_a_report_that_the_peer_refuses_is_told_again_later_and_once_it_takes_it_never_again(database, cart):
    now_us = [1_000_000]
    ours = reporter(database, cart, now_us)
    assert ours.report(Peer("CART"), REPORT)
    assert not ours.report(Peer("NOWHERE"), REPORT)
    with cart.listening():
        cart.status = 0x0110
        ours.look()
        cart.status = 0
        ours.look()
        assert len(cart.heard) == 1
        now_us[0] += 10_000_000
        ours.look()
        ours.look()
    assert len(cart.heard) == 2
    assert waiting(database) == 0


def test_what_waits_for_a_peer_is_bounded_and_given_up_after_a_day(database, cart):
    now_us, place = [1_000_000], uuid4()
    ours = reporter(database, cart, now_us, place)
    for number in range(commitments.MOST):
        assert ours.report(Peer("CART"), Report(f"1.2.{number}", REPORT.kept, ()))
    assert not ours.report(Peer("CART"), REPORT)
    assert ours.report(Peer("CART"), Report("1.2.0", (), REPORT.failed))
    ours.look()
    now_us[0] += GIVE_UP_US + 1
    reporter(database, cart, now_us).look()
    assert waiting(database) == commitments.MOST
    ours.look()
    assert waiting(database) == 0


def test_a_request_that_cannot_be_kept_is_answered_with_a_failure(database, database_dsn, state_dir, cart):
    with world(database_dsn, database, state_dir / "state", ("imaging",), dicom_peers=(f"CART@127.0.0.1:{cart.port}",)) as here:
        with database.transaction() as tx:
            tx.execute("ALTER TABLE commitment ADD CONSTRAINT never CHECK (peer <> 'CART')")
        try:
            assert cart.asks(here.port, [("1.2.840.10008.5.1.4.1.1.77.1.4", "1.2.3")]) == 0x0110
        finally:
            with database.transaction() as tx:
                tx.execute("ALTER TABLE commitment DROP CONSTRAINT never")
