"""The outbox and an archive together: kills in the middle of sending, and commitments that come late, or not."""

from __future__ import annotations

import json
import random
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.sop_class import Comprehensive3DSRStorage, StorageCommitmentPushModel  # type: ignore[attr-defined]

from tests.contract.targets.archive_receiver import TITLES, entry_of
from tests.integration.record_world import admit, stay, window
from tests.support.certificates import Authority
from wince.delivery import books
from wince.delivery.interface import Target
from wince.delivery.sr import commitments
from wince.delivery.sr import target as targets
from wince.delivery.sr.answers import NEVER_COMMITTED, NOT_COMMITTED
from wince.delivery.sr.report import Writing
from wince.delivery.sr.target import SrTarget, Ways
from wince.delivery.worker import Delivery
from wince.dicom.scu.client import DicomArchive, Peer
from wince.dicom.scu.commitment import CLASS, INSTANCE, Commitment, Heard, asked
from wince.dicom.scu.listener import CommitmentListener
from wince.domain.audit import verify
from wince.domain.entry import Entry
from wince.local.ports import free_ports
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.serve import archive as reached
from wince.settings import Settings
from wince.store import audit
from wince.store.database import Database
from wince.testing.peers.orthanc import TITLE, Orthanc

pytestmark = pytest.mark.peer
PROTOCOLS = {"activity": load("activity")}
DELIVERER = """
import json, sys
from wince.delivery.sr.report import Writing
from wince.delivery.sr.target import SrTarget, Ways
from wince.delivery.worker import Delivery
from wince.dicom.scu.client import DicomArchive, Peer
from wince.protocols.loader import load
from wince.store.database import Database
said = json.loads(sys.argv[1])
archive = DicomArchive(Peer("127.0.0.1", said["port"], said["called"], "WINCE_SR"), total_s=20)
target = SrTarget(archive, {"activity": load("activity")}, Writing("archive", "test", "0.1.0"), Ways("Test"))
deliver = target.deliver
def told(*args, **kwargs):
    answer = deliver(*args, **kwargs)
    print(answer.outcome.value, flush=True)
    return answer
target.deliver = told
with Database(said["dsn"]) as database:
    running = Delivery(database, [target], poll_s=0.02, alone=True)
    running.start()
    running.drain(60)
    running.stop()
"""


def charted(database: Database, target: Target, count: int) -> list[Entry]:
    """So many entries of one encounter, ten minutes apart."""
    admit(database, stay())
    sink = PostgresSink(database, PROTOCOLS, [target])
    return [one for number in range(count) for one in sink.commit([window(120 * number, 1 + number % 2)]).entries]


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_kills_in_the_middle_of_sending_lose_and_double_nothing_at_orthanc(database: Database, tmp_path: Path) -> None:
    draw = random.Random(14)
    with Orthanc(tmp_path / "orthanc") as orthanc:
        said = json.dumps({"port": orthanc.dicom_port, "called": TITLE, "dsn": database.dsn})
        archive = DicomArchive(Peer("127.0.0.1", orthanc.dicom_port, TITLE, "WINCE_SR"), total_s=20)
        target = SrTarget(archive, PROTOCOLS, Writing("archive", "test", "0.1.0"), Ways("Test"))
        made = charted(database, target, 24)
        for _ in range(3):
            with subprocess.Popen([sys.executable, "-c", DELIVERER, said], stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout
                for _ in range(draw.randint(2, 5)):
                    assert process.stdout.readline().strip() == "written"
                time.sleep(draw.uniform(0, 0.05))
                process.kill()
        with database.transaction() as tx:
            assert books.waiting(tx, ["archive"]) > 0
        delivering = Delivery(database, [target], poll_s=0.02, alone=True)
        delivering.start()
        assert delivering.drain(60)
        delivering.stop()
        held = [pydicom.dcmread(BytesIO(orthanc.file(sop))) for sop in orthanc.instances()]
    assert sorted(entry_of(one) for one in held) == sorted(one.id for one in made)
    assert len({one.StudyInstanceUID for one in held}) == 1
    assert verify(audit.rows(database, payloads=True)).erased == 0


class Committing:
    """An archive that stores, and answers for it when a test has it do so."""

    def __init__(self) -> None:
        self.asked: list[Dataset] = []
        self.stored: list[str] = []
        entity = AE(TITLES[0])
        entity.add_supported_context(Comprehensive3DSRStorage)
        entity.add_supported_context(StorageCommitmentPushModel)
        handlers: list[Any] = [(evt.EVT_C_STORE, self._store), (evt.EVT_N_ACTION, self._action)]
        self._server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()

    def report(self, port: int, said: Dataset, *, kept: bool, title: str = TITLES[0], tls: ssl.SSLContext | None = None) -> int | None:
        """An N-EVENT-REPORT on an association of its own, as its provider; the status, None where it was not let in."""
        told = Dataset()
        told.TransactionUID = said.TransactionUID
        if kept:
            told.ReferencedSOPSequence = said.ReferencedSOPSequence
        else:
            told.FailedSOPSequence = said.ReferencedSOPSequence
            for item in told.FailedSOPSequence:
                item.FailureReason = 0x0112
        entity = AE(title)
        entity.add_requested_context(StorageCommitmentPushModel)
        role = SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid, role.scu_role, role.scp_role = StorageCommitmentPushModel, False, True
        association = entity.associate("127.0.0.1", port, ae_title=TITLES[1], ext_neg=[role], tls_args=(tls, "127.0.0.1") if tls else None)
        if not association.is_established:
            return None
        answer, _ = association.send_n_event_report(told, 1 if kept else 2, CLASS, INSTANCE)
        association.release()
        return int(answer.Status)

    def _store(self, event: Any) -> int:
        self.stored.append(str(event.dataset.SOPInstanceUID))
        return 0

    def _action(self, event: Any) -> tuple[int, None]:
        self.asked.append(event.action_information)
        return 0, None


@contextmanager
def committing() -> Iterator[Committing]:
    made = Committing()
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "lost"])
def test_a_late_commitment_counts_and_a_lost_object_is_sent_again(database: Database, kept: bool) -> None:
    heard = Heard()
    listener = CommitmentListener("127.0.0.1", 0, title=TITLES[1], archive=TITLES[0], told=heard.tell)
    with committing() as archive:
        client = DicomArchive(Peer("127.0.0.1", archive.port, *TITLES), total_s=20, heard=heard)
        ways = Ways("Test", commit_s=0.1)
        target = SrTarget(client, PROTOCOLS, Writing("archive", "test", "0.1.0"), ways, heard=heard, listener=listener)
        made = charted(database, target, 2)
        delivering = Delivery(database, [target], poll_s=0.02)
        delivering.start()
        try:
            assert delivering.drain(60)
            with database.transaction() as tx:
                assert [one.detail for one in books.unfinished(tx, "archive")] == [NOT_COMMITTED] * 2
            target.tend(database)  # listens from now on, and asks again about both
            assert len(archive.asked) == 3
            assert len(archive.asked[-1].ReferencedSOPSequence) == 2
            assert archive.report(listener.port, archive.asked[-1], kept=kept, title="STRANGER") is None
            assert archive.report(listener.port, archive.asked[-1], kept=kept) == 0
            target.tend(database)
            if kept:
                with database.transaction() as tx:
                    assert books.unfinished(tx, "archive") == []
                assert {row.entry for row in audit.rows(database) if row.event == "committed"} == {one.id for one in made}
                assert len(archive.stored) == 2
            else:
                delivering.wake()
                until(lambda: len(archive.stored) == 4)
                assert len(set(archive.stored)) == 2
                assert {row.entry for row in audit.rows(database) if row.event == "replay"} == {one.id for one in made}
        finally:
            delivering.stop()
            target.stop()
    assert verify(audit.rows(database, payloads=True)).erased == 0


def test_an_archive_that_never_commits_to_what_it_stores_is_a_matter_for_a_person(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time it stores the report, and each time it says then that it has not: without an end the trail would grow for ever."""
    monkeypatch.setattr(targets, "ASK_S", 0.0)
    with committing() as archive:
        heard = Heard()
        client = DicomArchive(Peer("127.0.0.1", archive.port, *TITLES), total_s=20, heard=heard)
        target = SrTarget(client, PROTOCOLS, Writing("archive", "test", "0.1.0"), Ways("Test", commit_s=0.1), heard=heard)
        charted(database, target, 1)
        delivering = Delivery(database, [target], poll_s=0.02)
        delivering.start()
        try:
            for times in range(1, commitments.TRIES + 1):
                until(lambda times=times: len(archive.stored) == times and delivering.waiting() == 0)  # type: ignore[misc]
                said = archive.asked[-1]
                heard.tell(Commitment(str(said.TransactionUID), frozenset(), {archive.stored[0]: 0x0112}))
                target.tend(database)
                delivering.wake()
            assert delivering.drain(60)
            with database.transaction() as tx:
                assert [one.detail for one in books.unfinished(tx, "archive")] == [NEVER_COMMITTED]
            asked_before = len(archive.asked)
            target.tend(database)
            assert len(archive.asked) == asked_before  # it is not asked about any more
            assert len(archive.stored) == commitments.TRIES
            assert [row.event for row in audit.rows(database) if row.event == "not_committed"] == ["not_committed"]
        finally:
            delivering.stop()
    assert verify(audit.rows(database, payloads=True)).erased == 0


def test_over_tls_only_an_archive_with_a_certificate_is_heard(tmp_path: Path) -> None:
    authority, heard = Authority(tmp_path), Heard()
    (chain, key), (theirs, their_key) = authority.issue("127.0.0.1"), authority.issue("archive")
    [port] = free_ports(1)
    settings = Settings(
        archive_url="dicoms://127.0.0.1", archive_commitment=True, archive_commitment_listen=f"127.0.0.1:{port}",
        archive_ca_file=authority.file, archive_cert_file=chain, archive_cert_key_file=key,
    )  # fmt: skip
    said = asked("2.25.7", [(str(Comprehensive3DSRStorage), "1.2.3")])
    bare = ssl.create_default_context(cafile=str(authority.file))
    known = ssl.create_default_context(cafile=str(authority.file))
    known.load_cert_chain(theirs, their_key)
    listener = reached.listener(settings, heard.tell)
    assert listener is not None
    with listener, committing() as archive:
        assert archive.report(port, said, kept=True) is None
        assert archive.report(port, said, kept=True, tls=bare) is None
        assert heard.drain() == []
        assert archive.report(port, said, kept=True, tls=known) == 0
        assert [one.kept for one in heard.drain()] == [frozenset({"1.2.3"})]
