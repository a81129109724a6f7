"""From a camera cart to the record: objects are kept, bound to the patient whom they name, graded once, and deleted."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.conftest import copied, reachable
from tests.face_models import fetched
from tests.integration.imaging_world import clip, person, shown, storescu, tool, world
from wince.cli.main import build
from wince.clock import wall_us
from wince.domain.frame import Frame
from wince.domain.study import Held
from wince.pipeline.capture.studies import header, opened
from wince.pipeline.capture.studies import shelf as shelves
from wince.pipeline.capture.studies.interface import Shelf
from wince.serve.state_dir import Places
from wince.serve.status.imaging import imaging
from wince.serve.status.interface import Look, State
from wince.store import erasing, studies
from wince.store.database import Database
from wince.telemetry import logs
from wince.testing import hl7
from wince.testing.dicom import objects

pytestmark = pytest.mark.peer
LAST = hl7.Person("100002", "Zweitfrau", "Maria", "19600202", "F")


@pytest.fixture(scope="module")
def here(postgres_dsn):
    """One installation for the whole module: C-STORE, STOW-RS and a folder; one patient in a bed."""
    fetched()
    with copied(postgres_dsn) as dsn, Database(dsn) as database, reachable() as directory:
        folder = directory / "in"
        folder.mkdir()
        more = {"dicom_watch_folder": folder, "dicom_watch_stable_s": 0.2, "stow_port": 0, "dicom_keep_h": 0.0}
        with world(dsn, database, directory / "state", **more) as made:
            made.admit()
            yield made


def sent(here, made, tmp_path: Path, **more) -> str:
    """An object, sent as it is by storescu; what that prints."""
    return storescu(here.port, objects.write(made, tmp_path / f"{made.SOPInstanceUID[-20:]}.dcm"), **more)


def test_a_video_is_graded_once_and_charted_for_the_patient_whom_it_names(here, tmp_path):
    made = clip(fragments=4, offsets=True)
    sent(here, made, tmp_path)
    study = here.state(made.SOPInstanceUID, "graded")
    assert here.windows(study.instance) == [(at, min(at + 5, 22), 0, None) for at in range(0, 22, 5)]
    assert [entry for entry in here.entries() if entry[0] == study.instance] == [(study.instance, "100001", "V1")]
    assert here.events(study.instance)[:3] == ["study.received", "study.bound", "study.graded"]
    again = sent(here, made, tmp_path)
    assert "Success" in again
    made.PatientID = "999"
    assert "CannotUnderstand" in sent(here, made, tmp_path, ok=False)
    assert here.events(study.instance)[-1] == "study.other_content"
    assert here.events(study.instance).count("study.received") == 1
    assert len(here.windows(study.instance)) == 5
    assert here.study(study.instance).facts.patient == "100001"


@pytest.mark.parametrize("kind", ["plain", "jpeg", "lossless", "jpegls", "rle", "j2k"])
def test_a_picture_of_every_kind_is_decoded_and_scored(here, tmp_path, kind):
    """One picture gives no stable grade (the protocol's debounce), so its window is `uncertain`; none else has a face that was seen."""
    made = objects.pictures(shown(), person(), jpeg=kind == "jpeg")
    if kind == "j2k":
        made = _j2k(shown())
    file = objects.write(made, tmp_path / "still.dcm")
    if coder := {"lossless": "dcmcjpeg", "jpegls": "dcmcjpls", "rle": "dcmcrle"}.get(kind):
        file = tmp_path / "coded.dcm"
        tool(coder, tmp_path / "still.dcm", file)
    option = {"jpeg": "-xy", "lossless": "-xs", "jpegls": "-xt", "rle": "-xr", "j2k": "-xv"}.get(kind)
    storescu(here.port, file, options=("-R", option) if option else ("-R",))
    here.state(made.SOPInstanceUID, "graded")
    ((_, _, grade, reason),) = here.windows(made.SOPInstanceUID)
    assert (grade, reason) == (None, "uncertain")
    decoded = header.facts(header.read(file), UTC)
    with opened.OpenedStudy(file, decoded, tmp_path) as source:
        frame = next(iter(source.source("x", rate_hz=5.0, origin_us=0, from_us=0)))
    assert isinstance(frame, Frame)
    apart = np.abs(frame.pixels.astype(int) - shown()[0]).mean()
    assert apart < (2.0 if kind == "jpeg" else 1e-9)


def _j2k(pixels):
    import io

    from PIL import Image
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEG2000Lossless

    made, out = objects.pictures(pixels, person()), io.BytesIO()
    Image.fromarray(pixels[0]).save(out, "JPEG2000", no_jp2=True, irreversible=False, mct=0)
    made.file_meta.TransferSyntaxUID = JPEG2000Lossless
    made.PixelData = encapsulate([out.getvalue()])
    made["PixelData"].is_undefined_length = True
    return made


def test_a_multi_frame_object_is_graded_as_a_video_of_its_rate(here, tmp_path):
    made = objects.pictures(shown(count=50), person(), rate_hz=10)
    sent(here, made, tmp_path, options=("-R",))
    here.state(made.SOPInstanceUID, "graded")
    assert here.windows(made.SOPInstanceUID) == [(0, 5, 0, None)]


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        (person(number="4711"), Held.UNKNOWN_PATIENT),
        (person(issuer="OTHER"), Held.OTHER_HOSPITAL),
        (person(issuer=""), Held.NO_ISSUER),
        (person(number=""), Held.NO_PATIENT_ID),
        (person(born="19510101"), Held.BIRTH_DATE),
        (person(born=""), Held.BIRTH_DATE),
        (person(at=None), Held.NO_TIME),
        (person(at=datetime(2025, 10, 26, 2, 30)), Held.NO_TIME),
        (person(at=datetime(2024, 1, 5, 8)), Held.NO_VISIT),
        (person(at=datetime(2096, 1, 5, 8)), Held.FUTURE),
        (person(more={"AdmissionID": "V2"}), Held.OTHER_VISIT),
    ],
    ids=lambda value: value.value if isinstance(value, Held) else "",
)
def test_what_does_not_agree_with_the_census_is_held_and_nothing_is_written(here, tmp_path, who, reason):
    made = objects.pictures(shown(), who)
    said = sent(here, made, tmp_path, options=("-R",))
    study = here.state(made.SOPInstanceUID, reason)
    assert study.state == "held"
    warned = reason in (Held.NO_PATIENT_ID, Held.NO_ISSUER, Held.NO_TIME)
    assert ("0xb007" in said.lower() or "warning" in said.lower()) == warned
    assert here.windows(study.instance) == []
    assert not [entry for entry in here.entries() if entry[0] == study.instance]


def test_times_count_with_their_offset_else_in_the_sites_zone(here, tmp_path):
    """07:00:03 UTC, said in three ways, also by Acquisition DateTime."""
    for who in (
        person(at=datetime(2026, 1, 5, 2, 0, 3), offset="-0500"),
        person(),
        person(at=datetime(2020, 1, 1), more={"AcquisitionDateTime": "20260105100003.000000+0300"}),
    ):
        made = objects.pictures(shown(), who)
        sent(here, made, tmp_path, options=("-R",))
        study = here.state(made.SOPInstanceUID, "graded")
        assert study.origin_us == int(datetime.fromisoformat("2026-01-05T07:00:00+00:00").timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("charset", "name", "expected"),
    [
        ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东"),
        (
            ["", "ISO 2022 IR 87"],
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        ("ISO_IR 100", b"M\xfcller^J\xfcrgen", "Müller^Jürgen"),
        ("ISO_IR 192", b"\xff\xfe\xfd", None),
    ],
)
def test_names_in_any_character_set_cost_nothing_and_stand_in_no_log(here, tmp_path, charset, name, expected, capfd):
    logs.configure("debug")
    made = objects.pictures(shown(), person())
    made.SpecificCharacterSet = charset
    made["PatientName"]._value = name
    made.PatientName = name
    sent(here, made, tmp_path, options=("-R",))
    study = here.state(made.SOPInstanceUID, "graded")
    if expected is not None:
        assert study.facts.header["PatientName"] == expected
    said = "".join(capfd.readouterr())
    assert not [word for word in ("Wang", "王", "Yamada", "山田", "ller", "100001") if word in said]
    logs.configure("warning")


@pytest.mark.parametrize("charset", ["GB18030", ["", "ISO 2022 IR 87"], "ISO_IR 192"])
def test_a_number_in_any_character_set_is_compared_as_the_text_that_it_is(here, tmp_path, charset):
    """The census has it from an HL7 feed in UTF-8."""
    number, bed = "患者7", "ICU^107^A"
    here.admit(hl7.Person(number, "山田", "太郎", "19700101", "M"), bed, "V7")
    made = objects.pictures(shown(), person(number="7", name="", born="19700101"))
    made.SpecificCharacterSet, made.PatientID, made.PatientName = charset, number, "Yamada^Tarou=山田^太郎"
    sent(here, made, tmp_path, options=("-R",))
    study = here.state(made.SOPInstanceUID, "graded")
    assert study.encounter is not None
    assert study.encounter.value == "V7"


def test_an_hour_that_the_zone_has_twice_or_never_is_held_unless_the_object_says_its_offset(here, tmp_path):
    for at in (datetime(2025, 10, 26, 2, 30), datetime(2026, 3, 29, 2, 30)):
        unsure, sure = (objects.pictures(shown(), person(at=at, offset=offset)) for offset in ("", "+0100"))
        for made in (unsure, sure):
            sent(here, made, tmp_path, options=("-R",))
        assert here.state(unsure.SOPInstanceUID, Held.NO_TIME).facts.at_us is None
        found = here.study(sure.SOPInstanceUID)
        assert found is not None
        assert found.facts.at_us == round(at.replace(tzinfo=timezone(timedelta(hours=1))).timestamp()) * 1_000_000


def test_a_patient_who_is_admitted_late_gets_what_waited(here, tmp_path, monkeypatch):
    monkeypatch.setattr("wince.pipeline.capture.studies.matching.AGAIN_US", 100_000)
    made = objects.pictures(shown(), person(number="100002", born="19600202"))
    sent(here, made, tmp_path, options=("-R",))
    here.state(made.SOPInstanceUID, Held.UNKNOWN_PATIENT)
    here.admit(LAST, "ICU^102^A", "V2")
    here.state(made.SOPInstanceUID, "graded")
    assert [entry for entry in here.entries() if entry[0] == made.SOPInstanceUID] == [(made.SOPInstanceUID, "100002", "V2")]


def test_a_correction_of_the_census_never_writes_a_study_to_whoever_lay_in_that_bed(here, tmp_path):
    """The hospital says later that another patient lay in the bed: the pictures show whom they name, not whoever lay there."""
    gone = hl7.Person("100003", "Drittfrau", "Ida", "19700303", "F")
    here.admit(gone, "ICU^103^A", "V3")
    made = objects.pictures(shown(), person(number="100003", born="19700303"))
    sent(here, made, tmp_path, options=("-R",))
    here.state(made.SOPInstanceUID, "graded")
    here.until(lambda: [entry for entry in here.entries() if entry[0] == made.SOPInstanceUID])
    at_us = here.study(made.SOPInstanceUID).origin_us - 1_800_000_000
    moved = hl7.adt("A02", gone, "ICU^104^A", "V3", at_us, control_id="V3-moved")
    other = hl7.Person("100004", "Vierte", "Eva", "19800404", "F")
    came = hl7.adt("A01", other, "ICU^103^A", "V4", at_us, control_id="V4-came")
    for text in (moved, came):
        assert hl7.code(hl7.send("127.0.0.1", here.settings.mllp_port, text)) == "AA"

    def reviewed():
        with here.database.transaction() as tx:
            return tx.execute("SELECT count(*) FROM review").fetchone() == (0,)

    here.until(reviewed)
    assert {entry[1] for entry in here.entries() if entry[0] == made.SOPInstanceUID} == {"100003"}


def test_a_person_says_whose_it_is(here, tmp_path, monkeypatch):
    made = objects.pictures(shown(), person(issuer="OTHER", at=None))
    sent(here, made, tmp_path, options=("-R",))
    uid = made.SOPInstanceUID
    here.state(uid, "held")
    for name, value in {"WINCE_PG_DSN": here.database.dsn, "WINCE_PATIENT_AUTHORITY": here.settings.patient_authority}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WINCE_TIME_ZONE", "Europe/Berlin")
    app, runner = build(["dicom"]), CliRunner()
    listed = runner.invoke(app, ["dicom", "held"])
    assert uid in listed.output.replace("\n", "")
    assert "100001" not in listed.output
    assert "100001" in runner.invoke(app, ["dicom", "held", "--identifiers", "--json"]).output
    (row,) = imaging(Look(here.settings, Places.of(here.settings), 0, here.database))
    assert (row.state, row.figures["held_other_hospital"] > 0) == (State.BAD, True)
    done = runner.invoke(app, ["dicom", "resolve", uid, "--patient", "100001", "--at", "2026-01-05T08:00:03+01:00"])
    assert done.exit_code == 0, done.output
    here.state(uid, "graded")
    assert "study.assigned" in here.events(uid)
    refused = objects.pictures(shown(), person(number="4712"))
    sent(here, refused, tmp_path, options=("-R",))
    here.state(refused.SOPInstanceUID, "held")
    assert runner.invoke(app, ["dicom", "drop", refused.SOPInstanceUID]).exit_code == 0
    assert here.study(refused.SOPInstanceUID).state == "dropped"


def test_stow_answers_for_each_object(here, tmp_path):
    good = objects.write(objects.pictures(shown(), person()), tmp_path / "good.dcm").read_bytes()
    body = b"".join(b"\r\n--BB\r\nContent-Type: application/dicom\r\n\r\n" + part for part in (good, b"junk" * 100)) + b"\r\n--BB--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=BB'
    port = here.running["imaging"]._service.parts[-2].port
    answer = httpx.post(f"http://127.0.0.1:{port}/studies", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 202, answer.text
    uid = answer.json()["00081199"]["Value"][0]["00081155"]["Value"][0]
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xC000]
    here.state(uid, "graded")
    assert httpx.post(f"http://127.0.0.1:{port}/studies", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert httpx.post(f"http://127.0.0.1:{port}/studies", content=body[:-20], headers={"Content-Type": kind}).status_code in (200, 202)
    again = httpx.post(f"http://127.0.0.1:{port}/studies/1.2.3", content=body, headers={"Content-Type": kind})
    assert again.status_code == 409


def test_the_folder_is_emptied_once_files_are_still(here, tmp_path):
    folder = here.settings.dicom_watch_folder
    made = objects.pictures(shown(), person())
    whole = objects.write(made, tmp_path / "f.dcm").read_bytes()
    with (folder / "f.dcm").open("wb") as stream:
        stream.write(whole[: len(whole) // 2])
        stream.flush()
        stream.write(whole[len(whole) // 2 :])
    (folder / "notes.txt").write_text("no object")
    here.state(made.SOPInstanceUID, "graded")
    here.until(lambda: not (folder / "f.dcm").exists() and (folder / "refused" / "notes.txt").exists())


def test_files_are_deleted_after_their_time_and_the_trail_says_so(here, tmp_path):
    made = objects.pictures(shown(), person())
    sent(here, made, tmp_path, options=("-R",))
    here.state(made.SOPInstanceUID, "graded")
    shelf = Shelf.of(here.settings.state_dir / "imaging")
    shelves.tidy(here.database, shelf, 0.0, 30)
    assert not shelf.file(made.SOPInstanceUID).exists()
    assert here.events(made.SOPInstanceUID)[-1] == "study.deleted"
    assert "Success" in sent(here, made, tmp_path, options=("-R",))
    assert here.study(made.SOPInstanceUID).state == "graded"


def test_an_object_that_was_erased_by_age_and_comes_again_is_not_scored_again(here, tmp_path):
    """Record takes no window twice, so nothing would ever say that it is graded."""
    made = objects.pictures(shown(), person())
    sent(here, made, tmp_path, options=("-R",))
    study = here.state(made.SOPInstanceUID, "graded")
    shelves.tidy(here.database, Shelf.of(here.settings.state_dir / "imaging"), 0.0, 30)
    with here.database.transaction() as tx:
        erasing.begin(tx, uuid4(), wall_us(), "retention", "n1", "")
        rows = tx.execute("SELECT id FROM assessment WHERE source = %s", (study.instance,)).fetchall()
        entries = tx.execute("SELECT id FROM entry WHERE source = %s", (study.instance,)).fetchall()
        erasing.entries(tx, [identity for (identity,) in entries])
        erasing.windows(tx, [identity for (identity,) in rows])
        assert studies.forget_old(tx, wall_us()) >= 1
    assert here.study(study.instance) is None

    assert "Success" in sent(here, made, tmp_path, options=("-R",))
    here.until(lambda: (found := here.study(study.instance)) is not None and (found.state, found.reason) == ("graded", ""))
    assert here.study(study.instance).attempts == 0, "its pictures were not scored again"
    assert here.windows(study.instance) == []
    assert here.events(study.instance)[-3:] == ["study.received", "study.bound", "study.graded"]
    file = Shelf.of(here.settings.state_dir / "imaging").file(study.instance)
    shelves.tidy(here.database, Shelf.of(here.settings.state_dir / "imaging"), 0.0, 30)
    assert not file.exists()


def test_a_person_who_is_erased_leaves_no_object(here, tmp_path):
    """What `wince retention erase` does with objects: their rows go, and then their files are nobody's."""
    made = objects.pictures(shown(), person(number="100009"))
    sent(here, made, tmp_path, options=("-R",))
    study = here.state(made.SOPInstanceUID, Held.UNKNOWN_PATIENT)
    file = here.settings.state_dir / "imaging" / f"{study.instance}.dcm"
    os.utime(file, (1, 1))
    with here.database.transaction() as tx:
        assert studies.of_patient(tx, [study.patient]) == [study.instance]
        studies.forget(tx, [study.instance])
    shelves.tidy(here.database, Shelf.of(file.parent), 24.0, 30)
    assert here.study(study.instance) is None
    assert not file.exists()
