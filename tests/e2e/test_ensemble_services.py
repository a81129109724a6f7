"""The design's equality test: a protocol with a site's own models, embedded, and as separate processes with Apache Kafka, PostgreSQL, mTLS
and the ensemble on TorchServe. Three of its members see a crop, one a clip.

The models are random: what is compared is the road, not medicine."""

import os
import signal
from pathlib import Path

import pytest

from tests.conftest import reachable
from tests.e2e.services_world import open_deliveries, story, up
from tests.e2e.wince_run import run
from tests.face_models import fetched
from tests.support.certificates import services_tls
from tests.support.classifiers import write
from tests.support.clip_models import write_clip
from wince.demo import scenario
from wince.errors import ConfigError
from wince.local import maven
from wince.local.postgres.opened import open_database
from wince.local.torchserve import installed
from wince.models import fetch
from wince.models.site import site_folder
from wince.settings import Settings

PYTHON = Path(__file__).resolve().parents[2] / ".venv-serving/bin/python"
pytestmark = [
    pytest.mark.peer,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(maven.available()), reason=maven.available() or "Kafka can be started"),
]


def test_on_torchserve_the_road_gives_what_embedded_gives():
    """`wince up` packs the members, starts TorchServe and asks it: windows, grades, reasons, alerts and entries are those of `wince run`,
    and the EHR holds each entry once. kill -9 of TorchServe in the middle changes nothing."""
    try:
        installed(PYTHON)
    except ConfigError as error:
        pytest.skip(error.diagnostics())
    fetched()
    with reachable() as directory:
        models = directory / "models"
        models.mkdir()
        for file in fetch.cache_folder().iterdir():
            if file.is_file():
                (models / file.name).symlink_to(file)
        # Far from every threshold: frames travel as JPEG between capture and detect, and a random model magnifies what that moves.
        for name, seed in {"icu-resnet34": 6, "icu-vgg16": 9, "icu-inceptionv1": 22}.items():
            write(site_folder(models) / f"{name}.onnx", 3, seed)
        write_clip(site_folder(models) / "icu-bilstm.onnx", 3, 1, frames=10, rate_hz=5)
        chosen = {"WINCE_MODELS_DIR": str(models), "WINCE_PROTOCOL": "icu"}
        ran = run(directory / "embedded", **chosen)
        assert ran.returncode == 0, ran.stderr
        state = Settings(state_dir=directory / "embedded").state_dir
        with open_database(None, state / "postgres") as opened, opened.database.transaction() as tx:
            wanted = story(tx)
        beds = scenario.bundled()
        with up(directory, WINCE_SERVING__PYTHON=str(PYTHON), **chosen, **services_tls(directory)) as world:
            pid = world.pid("torchserve")
            assert pid is not None
            world.admit(beds)
            world.play(beds)
            with world.database() as connection:
                world.until(lambda: len(story(connection)["windows"]) >= 3)
                os.kill(pid, signal.SIGKILL)
                world.until(lambda: len(story(connection)["windows"]) >= len(wanted["windows"]))
                world.until(lambda: open_deliveries(connection) == 0)
                served = story(connection)
                alarms = connection.execute("SELECT count(*) FROM audit WHERE event = 'alarm'").fetchone()[0]
            ids = {str(row[0]) for row in wanted["entries"]}
            held = [world.sandbox.count("Observation", f"identifier=urn:ietf:rfc:3986|urn:uuid:{one}") for one in ids]
            world.until(lambda: world.pid("torchserve") not in (None, pid))
            assert world.stop() == 0
    assert served["windows"] == wanted["windows"]
    assert served["alerts"] == wanted["alerts"] != set()
    assert served["entries"] == wanted["entries"] != set()
    assert set(held) == {1}
    assert alarms == 0
    assert len({window[3] for window in served["windows"].values()}) > 1  # grades, and none
