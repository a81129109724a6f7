"""Real peers of the storage server: dcmtk over TLS, Orthanc by C-STORE and STOW-RS with storage commitment, pynetdicom; and kill -9."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from tests.face_models import fetched
from tests.integration.imaging_world import BED, PATIENT, clip, person, shown, storescu, tool, world
from tests.integration.test_services_memory import free_port
from tests.support.certificates import Authority
from wince.dicom.scp.tables import COMMITMENT, COMMITMENT_INSTANCE, EXPLICIT
from wince.store import studies
from wince.testing.dicom import objects

pytestmark = pytest.mark.peer


def test_with_tls_only_who_has_a_certificate_and_a_known_title_gets_in(database, database_dsn, state_dir, tmp_path):
    authority = Authority(tmp_path)
    ours, theirs = authority.issue("localhost", "127.0.0.1"), authority.issue("cart")
    other = Authority(tmp_path, "stranger").issue("stranger")
    more = {
        "dicom_cert_file": ours[0],
        "dicom_key_file": ours[1],
        "dicom_client_ca_file": authority.file,
        "dicom_peers": ("CART@127.0.0.1",),
    }
    file = objects.write(objects.pictures(shown(), person()), tmp_path / "p.dcm")
    with world(database_dsn, database, state_dir / "state", ("imaging",), **more) as here:
        known = ("+tls", theirs[1], theirs[0], "+cf", authority.file, "-aet", "CART")
        tool("echoscu", *known, "-aec", "WINCE", "127.0.0.1", here.port)
        assert "Success" in storescu(here.port, file, options=("-R", *known))
        for wrong in (("+tls", other[1], other[0], "+cf", authority.file, "-aet", "CART"), (*known[:-1], "NOBODY"), ("-aet", "CART")):
            assert tool("echoscu", *wrong, "-aec", "WINCE", "127.0.0.1", here.port, ok=False).returncode != 0


def test_storage_commitment_is_answered_on_the_association_that_asked(database, database_dsn, state_dir, tmp_path):
    made = objects.pictures(shown(), person())
    with world(database_dsn, database, state_dir / "state", ("imaging",)) as here:
        storescu(here.port, objects.write(made, tmp_path / "p.dcm"), options=("-R",))
        heard: list[tuple[int, Dataset]] = []

        def report(event: evt.Event) -> tuple[int, None]:
            heard.append((event.event_type, event.event_information))
            return 0, None

        entity = AE("CART")
        entity.add_requested_context(COMMITMENT, [EXPLICIT])
        association = entity.associate("127.0.0.1", here.port, ae_title="WINCE", evt_handlers=[(evt.EVT_N_EVENT_REPORT, report)])
        asked = Dataset()
        asked.TransactionUID = "1.2.3.4"
        asked.ReferencedSOPSequence = [_reference(made.SOPClassUID, made.SOPInstanceUID), _reference(made.SOPClassUID, "1.2.3")]
        status, _ = association.send_n_action(asked, 1, COMMITMENT, COMMITMENT_INSTANCE)
        assert status.Status == 0
        here.until(lambda: heard)
        association.release()
        ((kind, said),) = heard
        assert (kind, said.TransactionUID) == (2, "1.2.3.4")
        assert [one.ReferencedSOPInstanceUID for one in said.ReferencedSOPSequence] == [made.SOPInstanceUID]
        assert [(one.ReferencedSOPInstanceUID, one.FailureReason) for one in said.FailedSOPSequence] == [("1.2.3", 0x0112)]


def _reference(sop_class: str, instance: str) -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = sop_class, instance
    return made


@contextmanager
def orthanc(folder: Path, dicom_port: int, modality: tuple[str, int], stow_port: int, **more: object) -> Iterator[httpx.Client]:
    """Orthanc with DICOMweb; `modality`: (title, port) of the server that it sends to; `more`: of its settings."""
    program = shutil.which("Orthanc")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("Orthanc is absent")
        pytest.skip("Orthanc is absent: apt-get install orthanc orthanc-dicomweb")
    plugin = next(Path("/usr/share/orthanc/plugins").glob("libOrthancDicomWeb.so*"), None) or next(
        Path("/usr/lib").rglob("libOrthancDicomWeb.so*")
    )
    http = free_port()
    settings = {
        "Name": "test", "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"), "Plugins": [str(plugin)],
        "DicomAet": "ORTHANC", "DicomPort": dicom_port, "HttpPort": http, "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True, "StorageCommitmentReportsSize": 100,
        "DicomModalities": {"wince": {"AET": modality[0], "Host": "127.0.0.1", "Port": modality[1], "AllowStorageCommitment": True}},
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Servers": {"wince": {"Url": f"http://127.0.0.1:{stow_port}/"}}},
    } | more  # fmt: skip
    folder.mkdir()
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log, subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{http}", timeout=60) as client:
                deadline = time.monotonic() + 60
                while True:
                    try:
                        client.get("/system").raise_for_status()
                        break
                    except httpx.HTTPError:
                        assert process.poll() is None, (folder / "log").read_text()
                        assert time.monotonic() < deadline
                        time.sleep(0.1)
                yield client
        finally:
            process.terminate()
            process.wait(30)


def test_orthanc_sends_by_c_store_and_by_stow_and_is_told_what_is_committed(database, database_dsn, state_dir, tmp_path):
    dicom, stow = free_port(), free_port()
    more = {"stow_port": stow, "dicom_peers": (f"ORTHANC@127.0.0.1:{dicom}",)}
    video, still = clip(), objects.pictures(shown(), person(), jpeg=True)
    with (
        world(database_dsn, database, state_dir / "state", ("imaging",), **more) as here,
        orthanc(tmp_path / "orthanc", dicom, ("WINCE", here.port), stow) as client,
    ):
        ids = {}
        for name, made in (("video", video), ("still", still)):
            content = objects.write(made, tmp_path / f"{name}.dcm").read_bytes()
            ids[name] = client.post("/instances", content=content).raise_for_status().json()["ID"]
        client.post("/modalities/wince/echo", content=b"{}").raise_for_status()
        sent = (
            client.post("/modalities/wince/store", json={"Resources": [ids["video"]], "StorageCommitment": True}).raise_for_status().json()
        )
        assert sent["FailedInstancesCount"] == 0
        assert here.study(video.SOPInstanceUID) is not None
        transaction = sent["StorageCommitmentTransactionUID"]
        here.until(lambda: client.get(f"/storage-commitment/{transaction}").json()["Status"] != "Pending")
        told = client.get(f"/storage-commitment/{transaction}").json()
        assert (told["Status"], len(told["Success"])) == ("Success", 1)
        client.post("/dicom-web/servers/wince/stow", json={"Resources": [ids["still"], ids["video"]]}).raise_for_status()
        assert here.study(still.SOPInstanceUID) is not None
        assert here.events(video.SOPInstanceUID) == ["study.received"]


def test_orthanc_sends_over_tls_by_its_certificate_and_is_told_over_tls(database, database_dsn, state_dir, tmp_path):
    authority, dicom = Authority(tmp_path), free_port()
    ours, theirs = authority.issue("localhost", "127.0.0.1"), authority.issue("orthanc", "127.0.0.1")
    more = {
        "dicom_cert_file": ours[0], "dicom_key_file": ours[1], "dicom_client_ca_file": authority.file,
        "dicom_peers": (f"ORTHANC@127.0.0.1:{dicom}",),
    }  # fmt: skip
    made = objects.pictures(shown(), person())
    with world(database_dsn, database, state_dir / "state", ("imaging",), **more) as here:
        modality = {"AET": "WINCE", "Host": "127.0.0.1", "Port": here.port, "AllowStorageCommitment": True, "UseDicomTls": True}
        secure = {
            "DicomTlsEnabled": True, "DicomTlsCertificate": str(theirs[0]), "DicomTlsPrivateKey": str(theirs[1]),
            "DicomTlsTrustedCertificates": str(authority.file), "DicomTlsRemoteCertificateRequired": True,
            "DicomModalities": {"wince": modality},
        }  # fmt: skip
        with orthanc(tmp_path / "orthanc", dicom, ("WINCE", here.port), 1, **secure) as client:
            content = objects.write(made, tmp_path / "p.dcm").read_bytes()
            stored = client.post("/instances", content=content).raise_for_status().json()["ID"]
            asked = {"Resources": [stored], "StorageCommitment": True}
            transaction = client.post("/modalities/wince/store", json=asked).raise_for_status().json()["StorageCommitmentTransactionUID"]
            assert here.study(made.SOPInstanceUID) is not None
            here.until(lambda: client.get(f"/storage-commitment/{transaction}").json()["Status"] != "Pending")
            assert client.get(f"/storage-commitment/{transaction}").json()["Status"] == "Success"


def child(dsn: str, state: Path, dicom: int, mllp: int) -> subprocess.Popen[str]:
    """A whole installation in a process of its own, ready."""
    command = [sys.executable, "-m", "tests.integration.imaging_child", dsn, str(state), str(dicom), str(mllp)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert process.stdout is not None
    process.stdout.close()


def test_kill_9_in_receive_and_in_grade_loses_and_doubles_nothing(database, database_dsn, state_dir, tmp_path):
    fetched()
    from tests.integration.imaging_world import World
    from wince.bus.memory import MemoryBus
    from wince.settings import Settings

    made = [clip(name) for name in ("bed1", "bed2", "bed3")]
    files = [objects.write(one, tmp_path / f"{number}.dcm") for number, one in enumerate(made)]
    dicom, mllp = free_port(), free_port()
    here = World({}, Settings(dicom_port=dicom, mllp_port=mllp), database, MemoryBus())
    process = child(database_dsn, state_dir / "state", dicom, mllp)
    here.admit(PATIENT, BED)
    acknowledged: set[str] = set()
    for number in range(3):
        sender = subprocess.Popen(
            [shutil.which("storescu") or "storescu", "-v", "-R", "-xn", "-aec", "WINCE", "127.0.0.1", str(dicom), *map(str, files)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        if number == 0:  # in receive
            time.sleep(0.05)
        else:  # in grade
            sender.wait(60)
            here.until(lambda: _graded(here, made) < 3)
            time.sleep(0.5 * number)
        kill(process)
        said, _ = sender.communicate(timeout=60)
        acknowledged |= {one.SOPInstanceUID for one, _ in zip(made, range(said.count("(Success)")), strict=False)}
        assert all(here.study(uid) is not None for uid in acknowledged)
        process = child(database_dsn, state_dir / "state", dicom, mllp)
    try:
        here.until(lambda: _graded(here, made) == 3, 120)
    finally:
        kill(process)
    for one, length in zip(made, (22, 22, 22), strict=True):
        windows = here.windows(one.SOPInstanceUID)
        assert [window[0] for window in windows] == list(range(0, length, 5))
        assert here.events(one.SOPInstanceUID).count("study.received") == 1
    with database.transaction() as tx:
        doubled = tx.execute("SELECT count(*) FROM (SELECT origin, kind FROM entry GROUP BY origin, kind, revision HAVING count(*) > 1) d")
        assert doubled.fetchone() == (0,)


def _graded(here, made) -> int:
    with here.database.transaction() as tx:
        found = [studies.of(tx, one.SOPInstanceUID) for one in made]
    return sum(one is not None and one.state == "graded" for one in found)
