"""Reports at real archives: Orthanc by C-STORE, STOW-RS and storage commitment, dcmtk's storescp with TLS, dciodvfy on every object."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import highdicom.sr
import pydicom
import pytest

from tests.contract.ehr.samples import PROTOCOLS, entry
from tests.support.certificates import Authority
from tests.support.reports import EVIDENCE, reports
from wince.delivery.interface import Answer, Outcome
from wince.delivery.sr.document import Circumstances, document
from wince.delivery.sr.key_objects import rejection, selection
from wince.delivery.sr.target import SrTarget
from wince.domain.entry import Entry
from wince.local.ports import free_ports
from wince.serve.checks import archive as looked_at
from wince.serve.targets import archive
from wince.settings import Settings
from wince.testing.peers.orthanc import PASSWORD, TITLE, USER, Orthanc

pytestmark = pytest.mark.peer
NOW = Circumstances("archive", "Test Hospital", "0.1.0", born="1940-01-02")


@pytest.fixture(scope="module")
def commitment_port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory, commitment_port: int) -> Iterator[Orthanc]:
    with Orthanc(tmp_path_factory.mktemp("orthanc"), {"wince": ["WINCE_SR", "127.0.0.1", commitment_port]}) as running:
        yield running


@pytest.fixture
def login(tmp_path: Path) -> Path:
    path = tmp_path / "login"
    path.write_text(f"{USER}:{PASSWORD}\n")
    return path


@contextmanager
def made(**said: Any) -> Iterator[SrTarget]:
    with ExitStack() as stack:
        yield archive.build(Settings(**said), PROTOCOLS, stack)


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def written(answer: Answer) -> str:
    assert answer.outcome is Outcome.WRITTEN, answer
    return answer.location


def sent(target: SrTarget, item: Entry, before: str = "") -> Answer:
    body = target.render(item)
    assert isinstance(body, str)
    return target.deliver(body, before)


def complaints(path: Path) -> list[str]:
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, timeout=60, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]


@pytest.mark.parametrize("name", reports())
@pytest.mark.parametrize("source", ["camera", "video", "other"])
def test_dciodvfy_finds_no_error_and_highdicom_reads_it(tmp_path: Path, name: str, source: str) -> None:
    facts, evidence = reports()[name], {"camera": None, "video": EVIDENCE, "other": replace(EVIDENCE, patient_id="0815")}[source]
    made_ = document(facts, replace(NOW, evidence=evidence, replaces=facts.revision > 1))
    path = tmp_path / "report.dcm"
    made_.save_as(path, enforce_file_format=True)
    assert complaints(path) == []
    again = highdicom.sr.srread(path)
    assert isinstance(again, highdicom.sr.Comprehensive3DSR)
    [group] = again.content.get_image_measurement_groups()
    assert group.tracking_identifier == str(facts.entry)
    assert [one.value for one in group.get_measurements()] == [one.number for one in facts.values if one.number is not None]


def test_dciodvfy_finds_no_error_in_key_objects_and_rejections(tmp_path: Path) -> None:
    found = reports()
    chosen = selection(found["alert"], replace(NOW, evidence=EVIDENCE), EVIDENCE)
    wrong = [rejection(found["withdrawn"], replace(NOW, evidence=one)) for one in (None, EVIDENCE)]
    for number, one in enumerate([chosen, *wrong]):
        path = tmp_path / f"{number}.dcm"
        one.save_as(path, enforce_file_format=True)
        assert complaints(path) == []
    assert [item.ReferencedFrameNumber for one in chosen.ContentSequence[1:] for item in one.ReferencedSOPSequence] == [[251, 405, 559]]


@pytest.mark.parametrize("how", ["c-store", "stow"])
def test_orthanc_holds_one_report_for_each_revision(orthanc: Orthanc, login: Path, how: str) -> None:
    reached: dict[str, Any] = {"archive_url": f"dicom://127.0.0.1:{orthanc.dicom_port}", "archive_called_ae": TITLE}
    if how == "stow":
        reached = {"archive_url": orthanc.web, "archive_login_file": login}
    with made(**reached, archive_rejects=True) as target:
        assert target.probe().outcome is Outcome.WRITTEN
        item = entry()
        before = set(orthanc.instances())
        first = written(sent(target, item))
        assert written(sent(target, item)) == first
        assert set(orthanc.instances()) - before == {first}
        second = written(sent(target, replace(item, revision=2, status="final", nurse="N-17"), first))
        third = written(sent(target, replace(item, revision=3, status="entered-in-error"), second))
        new = set(orthanc.instances()) - before
        assert len(new) == 4  # three reports and the rejection note
        assert {first, second, third} < new
    said = pydicom.dcmread(BytesIO(orthanc.file(third)))
    [study] = said.PredecessorDocumentsSequence
    assert study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == second
    assert said.CompletionFlagDescription == "Withdrawn: entered in error"
    confirmed = highdicom.sr.srread(BytesIO(orthanc.file(second)))
    assert confirmed.VerificationFlag == "VERIFIED"
    [label] = [one for one in confirmed.content.get_image_measurement_groups()[0][0].ContentSequence if one.ValueType == "TEXT"][-2:-1]
    assert "research" in str(label.TextValue).lower()


def test_orthanc_commits_and_wince_hears_it(orthanc: Orthanc, commitment_port: int) -> None:
    """Orthanc answers on an association of its own."""
    said: dict[str, Any] = {
        "archive_url": f"dicom://127.0.0.1:{orthanc.dicom_port}", "archive_called_ae": TITLE, "archive_commitment": True,
        "archive_commitment_wait_s": 30, "archive_timeout_s": 50, "archive_commitment_listen": f"127.0.0.1:{commitment_port}",
    }  # fmt: skip
    with made(**said) as target:
        assert target._listener is not None
        target._listener.start()
        answer = sent(target, entry())
        assert (answer.outcome, answer.left) == (Outcome.WRITTEN, ""), answer


def test_doctor_says_what_orthanc_is(orthanc: Orthanc, login: Path) -> None:
    dicom = Settings(archive_url=f"dicom://127.0.0.1:{orthanc.dicom_port}", archive_called_ae=TITLE, archive_commitment=True)
    assert [(one.what, one.state.value) for one in looked_at.check(dicom)] == [("archive", "ok"), ("archive services", "ok")]
    web = Settings(archive_url=orthanc.web, archive_login_file=login)
    assert [one.state.value for one in looked_at.check(web)] == ["ok", "ok"]


def test_a_wrong_title_or_password_holds_the_target(orthanc: Orthanc, tmp_path: Path) -> None:
    with made(archive_url=f"dicom://127.0.0.1:{orthanc.dicom_port}", archive_called_ae="NOBODY") as target:
        held = sent(target, entry())
        assert (held.outcome, "archive_called_ae" in held.remedy) == (Outcome.HELD, True)
        assert target.probe().outcome is Outcome.HELD
    wrong = tmp_path / "wrong"
    wrong.write_text("wince:wrong")
    with made(archive_url=orthanc.web, archive_login_file=wrong) as target:
        held = sent(target, entry())
        assert (held.outcome, held.detail) == (Outcome.HELD, "401")
        assert target.probe().outcome is Outcome.HELD
        wrong.unlink()
        assert sent(target, entry()).outcome is Outcome.HELD


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    """dcmtk's storage server, that keeps what it gets in `folder`; its port."""
    [port] = free_ports(1)
    folder.mkdir()
    with subprocess.Popen(
        ["storescp", "-aet", "ARCHIVE", "-od", str(folder), "-uf", *options, str(port)], stdin=subprocess.DEVNULL
    ) as server:
        try:
            yield port
        finally:
            server.terminate()


def test_storescp_takes_it_over_tls(tmp_path: Path) -> None:
    """With certificates on both sides; an archive whose certificate is not believed gets nothing, and the remedy names the setting."""
    (tmp_path / "other").mkdir()
    ours, other = Authority(tmp_path), Authority(tmp_path / "other")
    (chain, key), (mine, mine_key) = ours.issue("127.0.0.1"), ours.issue("wince")
    tls = {"archive_cert_file": mine, "archive_cert_key_file": mine_key}
    with storescp(tmp_path / "held", "+tls", str(key), str(chain), "+cf", str(ours.file)) as port:
        said: dict[str, Any] = {"archive_url": f"dicoms://127.0.0.1:{port}"}
        with made(**said, archive_ca_file=ours.file, **tls) as target:
            until(lambda: target.probe().outcome is Outcome.WRITTEN)
            sop = written(sent(target, entry()))
        [held] = (tmp_path / "held").iterdir()
        assert sop in held.name
        assert highdicom.sr.srread(held).SOPInstanceUID == sop
        with made(**said, archive_ca_file=other.file, **tls) as target:
            refused = sent(target, entry())
            assert (refused.outcome, "certificate is not believed" in refused.detail) == (Outcome.RETRY, True)
        with made(**said, archive_ca_file=ours.file) as target:  # no certificate of ours
            assert sent(target, entry()).outcome is Outcome.RETRY
        assert len(list((tmp_path / "held").iterdir())) == 1
    with made(**said, archive_ca_file=ours.file, **tls) as target:
        assert sent(target, entry()).outcome is Outcome.RETRY
