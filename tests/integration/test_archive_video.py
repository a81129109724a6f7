"""From an archive and back: a video of Orthanc's is sent to Wince, graded, and the report stands in its study at Orthanc."""

from __future__ import annotations

import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import highdicom.sr
import pydicom
import pytest

from tests.face_models import fetched
from tests.integration.imaging_world import clip, world
from wince.local.ports import free_ports
from wince.store.database import Database
from wince.testing.dicom import objects
from wince.testing.peers.orthanc import TITLE, Orthanc

pytestmark = pytest.mark.peer


def test_the_report_joins_the_study_of_the_video_and_cites_its_seconds(
    database: Database, database_dsn: str, state_dir: Path, tmp_path: Path
) -> None:
    fetched()
    [port] = free_ports(1)
    made = clip()
    file = objects.write(made, tmp_path / "v.dcm")
    with Orthanc(tmp_path / "orthanc", {"wince": ["WINCE", "127.0.0.1", port]}) as orthanc:
        reached: dict[str, Any] = {
            "archive_url": f"dicom://127.0.0.1:{orthanc.dicom_port}", "archive_called_ae": TITLE, "archive_key_objects": True,
        }  # fmt: skip
        with world(database_dsn, database, state_dir / "state", dicom_port=port, **reached) as here:
            here.admit()
            stored = orthanc.ask("/instances", file.read_bytes())
            orthanc.ask("/modalities/wince/store", stored["ID"].encode())
            here.state(made.SOPInstanceUID, "graded")
            here.until(lambda: len(orthanc.instances()) == 3)
        [study] = orthanc.ask("/studies?expand")
        assert study["MainDicomTags"]["StudyInstanceUID"] == made.StudyInstanceUID
        held = [pydicom.dcmread(BytesIO(orthanc.file(sop))) for sop in orthanc.instances() if sop != made.SOPInstanceUID]
    [report] = [one for one in held if one.Modality == "SR"]
    [chosen] = [one for one in held if one.Modality == "KO"]
    for number, one in enumerate(held):
        one.save_as(tmp_path / f"{number}.dcm", enforce_file_format=True)
        done = subprocess.run(
            ["dciodvfy", "-new", str(tmp_path / f"{number}.dcm")], capture_output=True, text=True, timeout=60, check=False
        )
        assert not [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
        for keyword in ("PatientID", "PatientName", "PatientBirthDate", "AccessionNumber", "StudyDate", "StudyTime", "StudyID"):
            assert one.get(keyword, "") == made.get(keyword, ""), keyword
    [group] = highdicom.sr.Comprehensive3DSR.from_dataset(report).content.get_image_measurement_groups()
    [source] = group.source_images
    assert source.referenced_sop_instance_uid == made.SOPInstanceUID
    [first] = [item for item in group[0].ContentSequence if item.ValueType == "NUM"][:1]
    [seconds] = [item for item in first.ContentSequence if item.ValueType == "TCOORD"]
    assert [float(one) for one in seconds.ReferencedTimeOffsets] == [0.0, 5.0]
    [image] = [item for item in chosen.ContentSequence if item.ValueType == "IMAGE"]
    assert list(image.ReferencedSOPSequence[0].ReferencedFrameNumber) == [1, 26, 50]
