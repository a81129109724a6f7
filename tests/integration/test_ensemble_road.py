"""A clip through capture, detect, estimate and grade: with the ensemble in the process and on the real TorchServe the outcome is one.
The ensemble is that of icu: three members see a crop, one the last ten.

The models are random: what is compared is the road, not medicine."""

import time
from pathlib import Path

import psutil
import pytest

from tests.face_models import fetched
from tests.support.classifiers import write
from tests.support.clip_models import write_clip
from wince.domain.assessment import Assessment
from wince.domain.estimate import Estimate
from wince.domain.frame import Frame
from wince.domain.ids import site_namespace
from wince.domain.reason import Reason
from wince.errors import ConfigError
from wince.models import fetch
from wince.models.site import site_folder
from wince.pipeline.capture.file import FileSource
from wince.pipeline.estimate.ensemble import EnsembleScorer
from wince.pipeline.grade import stage as grade
from wince.protocols.loader import load
from wince.serve import chain, scoring
from wince.serve.hosted_ensemble import HostedEnsemble, come_ready
from wince.serving.config import ServingSettings
from wince.settings import Settings
from wince.testing.clips import clip

pytestmark = pytest.mark.peer
PYTHON = Path(__file__).resolve().parents[2] / ".venv-serving/bin/python"
SECONDS = 25


@pytest.fixture(scope="module")
def hosted(tmp_path_factory):
    """A models folder with a site's own, and the TorchServe that serves them."""
    fetched()
    models = tmp_path_factory.mktemp("models")
    for file in fetch.cache_folder().iterdir():
        if file.is_file():
            (models / file.name).symlink_to(file)
    for seed, name in enumerate(("icu-resnet34", "icu-vgg16", "icu-inceptionv1")):
        write(site_folder(models) / f"{name}.onnx", 3, seed)
    write_clip(site_folder(models) / "icu-bilstm.onnx", 3, 5, frames=10, rate_hz=5)
    settings = Settings(models_dir=models, protocol="icu", serving=ServingSettings(python=PYTHON))
    try:
        started = HostedEnsemble(settings, load("icu"), tmp_path_factory.mktemp("serving"))
    except ConfigError as error:
        pytest.skip(error.diagnostics())
    try:
        yield settings, started, started.start()
    finally:
        started.server.stop()


def graded(settings):
    """Estimates, and what grade makes of them, of one bundled clip."""
    rules = load("icu")
    through = chain.build(settings, [rules])
    state = grade.begin("bed1", grade.Setup(rules, site_namespace("test"), scoring.personal(rules)))
    estimates, events = [], []
    for message in FileSource(clip("bed1"), "bed1", rate_hz=rules.detect.rate_hz):
        if isinstance(message, Frame) and message.time_us > SECONDS * 1_000_000:
            break
        out = through(message)
        estimates += [one for one in out if isinstance(one, Estimate)]
        state, made = grade.step(state, out)
        events += made
    return estimates, events


def test_ids_grades_reasons_are_one_and_numbers_within_a_ten_thousandth(hosted):
    settings, _, told = hosted
    serving = ServingSettings(target=told["WINCE_SERVING__TARGET"], manifest=Path(told["WINCE_SERVING__MANIFEST"]))
    embedded, wanted = graded(settings)
    served, got = graded(settings.model_copy(update={"serving": serving}))
    assert len(embedded) == len(served) > 50
    assert sum(one.reading is not None for one in embedded) > 50
    for one, other in zip(embedded, served, strict=True):
        assert (one.reason, one.model_set, one.sequence) == (other.reason, other.model_set, other.sequence)
        if one.reading is not None:
            assert one.reading.score == other.reading.score
            assert one.reading.smile == other.reading.smile
            for name, row in one.probabilities.items():
                assert other.probabilities[name] == pytest.approx(row, abs=1e-4)
    assert [one.reason for one in embedded[:9]] == [Reason.GAP] * 9  # no clip is whole yet
    assert all(one.reading is not None for one in embedded[9:])
    assert all(set(one.probabilities) == {member.name for member in load("icu").estimate.members} for one in embedded[9:])
    windows, others = ([(one.id, one.grade, one.reason) for one in events if isinstance(one, Assessment)] for events in (wanted, got))
    assert windows == others != []
    assert [type(one) for one in wanted] == [type(one) for one in got]


def test_started_again_it_answers_at_its_address(hosted):
    """kill -9 of TorchServe: the supervisor's look finds it, the scorer goes on at the same address with the same numbers."""
    settings, started, told = hosted
    serving = ServingSettings(target=told["WINCE_SERVING__TARGET"], manifest=Path(told["WINCE_SERVING__MANIFEST"]))
    scorer = scoring.scorer(load("icu"), settings.models_dir, serving)
    assert isinstance(scorer, EnsembleScorer)
    assert not started.ensure()
    java = psutil.Process(started.server.pid)
    java.kill()
    while started.server.alive:
        time.sleep(0.1)
    assert started.ensure()
    assert started.server.target == serving.target
    come_ready(serving.target, started.manifest)
    assert [(one.name, one.ready) for one in scorer.members()] == [(name, False) for name in started.manifest.members]  # not asked yet
