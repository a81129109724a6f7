"""From a camera cart to the record: objects by C-STORE are kept, bound to the patient that they name, graded once, and deleted."""

from __future__ import annotations

import pytest

from tests.face_models import fetched
from tests.integration.imaging_world import clip, storescu, world
from wince.testing.dicom import objects

pytestmark = pytest.mark.peer


def test_a_video_is_graded_and_charted_for_the_patient_whom_it_names(database, database_dsn, state_dir, tmp_path):
    fetched()
    made = clip(fragments=4, offsets=True)
    file = objects.write(made, tmp_path / "v.dcm")
    with world(database_dsn, database, state_dir / "state") as here:
        here.admit()
        storescu(here.port, file)
        study = here.state(made.SOPInstanceUID, "graded")
        assert here.windows(study.instance) == [(at, min(at + 5, 22), 0, None) for at in range(0, 22, 5)]
        assert here.entries() == [(study.instance, "100001", "V1")]
        assert here.events(study.instance) == ["study.received", "study.bound", "study.graded"]
