"""Another server of the protocol takes the ensemble over: the standard's path, raw contents, its own codes. Through the real stage.

The server's answers are made by the handler that an archive holds; everything about the way there is foreign to TorchServe."""

import grpc
import numpy as np
import pytest
import simplejpeg

from tests.support.classifiers import write
from tests.support.clip_models import write_clip
from tests.support.oip import OipServer, refuse
from wince.domain.clip import Clip
from wince.domain.estimate import Reading
from wince.domain.face import Face
from wince.domain.frame import US
from wince.domain.reason import Reason
from wince.domain.scales import ICU
from wince.errors import ConfigError, ModelFileError, Unavailable
from wince.models.ensemble import Ensemble
from wince.pipeline.estimate import stage
from wince.pipeline.estimate.ensemble import ClipEnsembleScorer
from wince.pipeline.estimate.interface import Score
from wince.pipeline.estimate.served import ServedMembers
from wince.serving import ready
from wince.serving.client import OipClient
from wince.serving.pack import pack

CLASSES = ("relaxed", "tense", "grimace")
CLIP = Clip(("icu-c",), 4, 5.0)
SECRET = "Erika Mustermann"


class Smiles:
    model_set = ""

    def score(self, faces):
        return [Score(Reading(0.0, 1.0, np.zeros(6, np.float32), 0.25)) for _ in faces]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Two members that see crops and one that sees clips; version "1", as Triton counts."""
    folder = tmp_path_factory.mktemp("packed")
    files = {name: write(folder / f"{name}.onnx", 3, seed) for seed, name in enumerate(("icu-a", "icu-b"))}
    files["icu-c"] = write_clip(folder / "icu-c.onnx", 3, 5, frames=4, rate_hz=5)
    _, manifest = pack("icu", "1", files, CLASSES, folder, clip=CLIP)
    return files, manifest


@pytest.fixture
def server(packed):
    with OipServer(Ensemble(packed[0], 3, clip=CLIP), "icu", "1", prefix="inference", raw=True) as running:
        yield running


@pytest.fixture
def client(server):
    with OipClient(server.target, prefix="inference", deadline_s=5) as connected:
        yield connected


def crop(seed):
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return simplejpeg.encode_jpeg(np.kron(coarse, np.ones((32, 32, 1), np.uint8)), quality=92, colorspace="RGB")


FACES = [Face("bed1", at, at * US // 5, (640, 480), None, 1, None, None, None, None, None, crop(at)) for at in range(30)]


def estimates(members, faces=FACES):
    """Of the real stage."""
    scorer = ClipEnsembleScorer(members, Smiles(), ICU, CLASSES, "x", CLIP)
    return stage.step(stage.State(), faces, 0, scorer, 60 * US)[1]


def test_it_gives_the_embedded_numbers(packed, server, client):
    files, manifest = packed
    ready.check(client, manifest)
    wanted, got = estimates(Ensemble(files, 3, clip=CLIP)), estimates(ServedMembers(client, manifest))
    assert sum(one.reading is not None for one in got) == 27
    assert server.calls == 4  # readiness twice, two requests
    for one, other in zip(wanted, got, strict=True):
        assert one.reason == other.reason
        if one.reading is not None:
            assert one.reading.score == other.reading.score
            for name, row in one.probabilities.items():
                assert other.probabilities[name] == pytest.approx(row, abs=1e-4)


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED, grpc.StatusCode.DATA_LOSS,
    ],
)  # fmt: skip
def test_whatever_it_refuses_with_the_stage_keeps_its_input(packed, server, client, code):
    """Twice refused is Unavailable, in our words; nothing was scored, and the same faces come again to the same numbers."""
    members = ServedMembers(client, packed[1])
    wanted = estimates(members)
    server.faults = [refuse(code, SECRET)] * 2
    with pytest.raises(Unavailable) as caught:
        estimates(members)
    assert SECRET not in caught.value.diagnostics()
    again = estimates(members)
    assert [one.reason for one in again] == [one.reason for one in wanted]
    server.faults = [refuse(code, SECRET)]
    assert estimates(members)[-1].probabilities == wanted[-1].probabilities


def test_a_missing_member_another_file_another_version(packed, server, client, tmp_path):
    """Of each the stage abstains: no number, a reason, and the fault says which. Whole again, it is asked again."""
    files, manifest = packed
    changed = dict(files) | {"icu-b": write(tmp_path / "icu-b.onnx", 3, 50)}
    sequel = dict(files) | {"icu-c": write_clip(tmp_path / "icu-c.onnx", 3, 51, frames=4, rate_hz=5)}
    whole, clock = server.ensemble, [0.0]
    members = ServedMembers(client, manifest, clock=lambda: clock[0])
    assert estimates(members)[-1].reading is not None
    for ensemble, what in (
        (Ensemble({name: files[name] for name in ("icu-a", "icu-c")}, 3, clip=CLIP), "members are missing: icu-b"),
        (Ensemble(changed, 3, clip=CLIP), "members are other files: icu-b"),
        (Ensemble(sequel, 3, clip=CLIP), "members are other files: icu-c"),
    ):
        server.ensemble = ensemble
        assert {one.reason for one in estimates(members)} == {Reason.GAP}
        assert what in members.fault.message
        server.ensemble = whole
        clock[0] += 60
        assert estimates(members)[-1].reading is not None
    server.version = "2"
    with pytest.raises(Unavailable):  # it refuses the version that is asked for
        estimates(members)
    fresh = ServedMembers(client, manifest)
    assert {one.reason for one in estimates(fresh)} == {Reason.GAP}
    assert "does not have this version" in fresh.fault.message


def test_clips_of_another_length_are_refused(packed, server, client, tmp_path):
    """The server holds a model set of clips of five: readiness says so, by the member's hash or by the status of the golden clips."""
    longer = Clip(("icu-c",), 5, 5.0)
    files = dict(packed[0]) | {"icu-c": write_clip(tmp_path / "icu-c.onnx", 3, 5, frames=5, rate_hz=5)}
    server.ensemble = Ensemble(files, 3, clip=longer)
    with pytest.raises((ModelFileError, Unavailable)) as caught:
        ready.check(client, packed[1])
    assert "clips" in caught.value.message


def test_readiness_and_the_path(packed, server, client):
    """Live and without the model; another path; a golden inference that can't be read."""
    manifest = packed[1]
    whole, server.ensemble = server.ensemble, None
    assert client.live()
    with pytest.raises(ModelFileError, match="does not have this version"):
        ready.check(client, manifest)
    server.ensemble = whole
    for prefix in ("org.pytorch.serve.grpc.openinference", "inference.v3"):
        with OipClient(server.target, prefix=prefix) as other, pytest.raises(ConfigError) as caught:
            ready.check(other, manifest)
        assert caught.value.field == "serving.prefix"
        assert "inference" in caught.value.remedy


def test_raw_contents_that_are_none(packed, server, client):
    """One too few, one cut off, one too short, a type that isn't ours."""
    members = ServedMembers(client, packed[1])
    assert estimates(members)[-1].reading is not None

    def spoilt(change):
        def fault(request, _context):
            tensors = {tensor.name: tensor for tensor in request.inputs}
            response = server.reply(list(tensors["faces"].contents.bytes_contents), tensors["clips"])
            change(response)
            return response

        return fault

    def fewer(response):
        del response.raw_output_contents[-1]

    def cut(response):
        response.raw_output_contents[0] = response.raw_output_contents[0][:-1]

    def short(response):
        response.raw_output_contents[1] = response.raw_output_contents[1][:-4]

    def half(response):
        response.outputs[1].datatype = "FP16"

    for change in (fewer, cut, short):
        server.faults = [spoilt(change)]
        with pytest.raises(Unavailable):
            estimates(members)
    server.faults = [spoilt(half)]
    assert {one.reason for one in estimates(members)} == {Reason.GAP}
    assert "members are missing" in members.fault.message
