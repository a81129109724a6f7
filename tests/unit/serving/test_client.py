"""The client's own words for what a server does, over a server in Python that gives the codes that TorchServe was measured to give."""

import socket
import threading
import zipfile

import grpc
import numpy as np
import pytest

from tests.support.classifiers import write
from tests.support.oip import OipServer, refuse
from wince.errors import ConfigError, InputError, ModelFileError, Unavailable
from wince.models.ensemble import MAX_CROPS, Ensemble
from wince.serving import manifest as manifests
from wince.serving import ready
from wince.serving.client import OipClient
from wince.serving.handler import Packed
from wince.serving.manifest import golden_crops
from wince.serving.pack import pack

CLASSES = ("relaxed", "tense", "grimace")
SECRET = "Erika Mustermann"


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    files = {name: write(folder / f"{name}.onnx", 3, seed) for seed, name in enumerate(("icu-a", "icu-b"))}
    _, manifest = pack("icu", "1.0", files, CLASSES, folder)
    return files, manifest


@pytest.fixture
def server(packed):
    with OipServer(Ensemble(packed[0], 3), "icu", "1.0") as running:
        yield running


@pytest.fixture
def client(server):
    with OipClient(server.target, deadline_s=5) as connected:
        yield connected


def ask(client, manifest, crops=None):
    return client.infer("icu", "1.0", crops or golden_crops(), list(manifest.members), 3)


def test_numbers_arrive_as_they_were_computed(packed, client):
    files, manifest = packed
    served = ask(client, manifest)
    embedded = Ensemble(files, 3).answer(golden_crops())
    for name in files:
        np.testing.assert_allclose(served.answer.members[name], embedded.members[name], atol=1e-6)
    np.testing.assert_allclose(served.answer.fused, embedded.fused, atol=1e-6)
    assert (served.version, served.hashes, served.model_set) == ("1.0", manifest.members, manifest.model_set)
    ready.check(client, manifest)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, f"Worker died. {SECRET}"),
        (grpc.StatusCode.INTERNAL, 'Model "icu" has no worker to serve inference request. Please use scale workers API'),
        (grpc.StatusCode.UNKNOWN, "java.lang.NullPointerException"),
        (grpc.StatusCode.PERMISSION_DENIED, "token"),
    ],
    ids=["died", "full", "bug", "token"],
)
def test_a_refusal_is_tried_once_more_and_is_then_unavailable(packed, client, server, code, text):
    """Whatever the code says; and none of the server's words reach the reader."""
    server.faults = [refuse(code, text)]
    assert ask(client, packed[1]).answer.status.tolist() == [0, 0]
    assert server.calls == 2
    server.faults = [refuse(code, text), refuse(code, text)]
    with pytest.raises(Unavailable) as caught:
        ask(client, packed[1])
    said = caught.value.diagnostics()
    assert not any(word in said for word in (SECRET, "Worker died", "scale workers", "NullPointer", code.name))
    assert server.calls == 4


def test_too_slow_is_unavailable_and_not_tried_again(packed, server):
    """The deadline holds for the whole call."""
    release = threading.Event()

    def sleep(_request, _context):
        release.wait(10)

    server.faults = [sleep]
    with OipClient(server.target, deadline_s=0.3) as client:
        with pytest.raises(Unavailable, match=r"within 0\.3 s"):
            ask(client, packed[1])
        assert server.calls == 1
    release.set()


def test_nobody_there(packed):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with OipClient(f"127.0.0.1:{bound.getsockname()[1]}", deadline_s=2) as client:
            assert not client.live(1)
            with pytest.raises(Unavailable):
                ask(client, packed[1])
            with pytest.raises(Unavailable):
                ready.check(client, packed[1])


def test_another_server_by_its_prefix(packed):
    """The standard's path works where it is set; a wrong one is a setting's fault and is said so."""
    files, manifest = packed
    with OipServer(Ensemble(files, 3), "icu", "1.0", prefix="inference") as server:
        with OipClient(server.target, prefix="inference") as client:
            ready.check(client, manifest)
        with OipClient(server.target) as client, pytest.raises(ConfigError) as caught:
            ready.check(client, manifest)
    assert caught.value.field == "serving.prefix"


def test_how_many_crops(packed, client):
    for count in (0, MAX_CROPS + 1):
        with pytest.raises(InputError):
            client.infer("icu", "1.0", golden_crops(1) * count, ["icu-a"], 3)


def test_an_answer_that_is_none(packed, client, server):
    """A tensor is missing, too few numbers, numbers that are none: named, and never used."""
    manifest = packed[1]

    def spoilt(change):
        def fault(request, _context):
            response = server.reply(list(request.inputs[0].contents.bytes_contents))
            change({output.name: output for output in response.outputs}, response)
            return response

        return fault

    def without_status(_, response):
        del response.outputs[0]

    def short(outputs, _):
        del outputs["fused"].contents.fp32_contents[-1]

    def nan(outputs, _):
        outputs["probabilities/icu-a"].contents.fp32_contents[0] = float("nan")

    for change in (without_status, short, nan):
        server.faults = [spoilt(change)]
        with pytest.raises(Unavailable) as caught:
            ask(client, manifest)
        assert caught.value.field in ("status", "probabilities")


def test_readiness_names_what_is_wrong(packed, tmp_path):
    """An absent version, a member that is missing, another file under a member's name, another version's answer."""
    files, manifest = packed
    other = {"icu-a": files["icu-a"], "icu-b": write(tmp_path / "icu-b.onnx", 3, 50)}
    cases = (
        (Ensemble(files, 3), "2.0", "does not have this version"),
        (None, "1.0", "does not have this version"),
        (Ensemble({"icu-a": files["icu-a"]}, 3), "1.0", "members are missing: icu-b"),
        (Ensemble(other, 3), "1.0", "members are other files: icu-b"),
    )
    for ensemble, version, what in cases:
        with OipServer(ensemble, "icu", version) as server, OipClient(server.target) as client:
            with pytest.raises(ModelFileError, match=what) as caught:
                ready.check(client, manifest)
            assert "icu 1.0" in caught.value.field


def test_weights_stay_with_their_members(packed, tmp_path):
    """Members in an order that is not the alphabet's: the archive's fusion is the embedded one; a server that fuses otherwise is not
    ready, although every member's numbers are right."""
    files = dict(reversed(packed[0].items()))
    archive, _ = pack("icu", "1.0", files, CLASSES, tmp_path / "store", fusion="weighted", weights=(0.9, 0.1))
    manifest = manifests.read(archive.with_suffix(".json"))
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(tmp_path / "unpacked")
    served = Packed(tmp_path / "unpacked").ensemble
    embedded = Ensemble(files, 3, "weighted", (0.9, 0.1)).answer(golden_crops())
    np.testing.assert_allclose(served.answer(golden_crops()).fused, embedded.fused, atol=1e-6)
    with OipServer(served, "icu", "1.0") as server, OipClient(server.target) as client:
        ready.check(client, manifest)
        server.ensemble = Ensemble(packed[0], 3, "weighted", (0.9, 0.1))
        with pytest.raises(ModelFileError, match="golden inference differs") as caught:
            ready.check(client, manifest)
        assert "fused" in caught.value.field


def test_readiness_compares_the_golden_numbers(packed):
    """The right names and hashes, but other numbers: not ready."""
    files, manifest = packed
    with OipServer(Ensemble(files, 3), "icu", "1.0") as server, OipClient(server.target) as client:

        def drifted(request, _context):
            response = server.reply(list(request.inputs[0].contents.bytes_contents))
            table = next(output for output in response.outputs if output.name == "probabilities/icu-b").contents.fp32_contents
            table[0] += 0.001
            return response

        server.faults = [drifted]
        with pytest.raises(ModelFileError, match=r"differs by 0\.001") as caught:
            ready.check(client, manifest)
        assert "icu-b" in caught.value.field
