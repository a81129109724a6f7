"""The real TorchServe hosts a packed ensemble: the embedded numbers, readiness that is not taken in, and everything that can die.

Started once per module; a test that damages a server starts its own. Needs Java and .venv-serving (make serving)."""

import concurrent.futures
import contextlib
import os
import signal
import time
import zipfile
import zlib
from pathlib import Path

import grpc
import numpy as np
import psutil
import pytest
import simplejpeg

from tests.support.classifiers import write
from tests.support.clip_models import write_clip
from wince.api.open_inference.v2 import open_inference_pb2 as pb
from wince.domain.clip import Clip
from wince.errors import ConfigError, ModelFileError, ResourceError, Unavailable
from wince.local.torchserve import TorchServe, installed
from wince.models.ensemble import MAX_CROPS, Ensemble, Status
from wince.pipeline.estimate.served import ServedMembers
from wince.serving import ready
from wince.serving.client import OipClient
from wince.serving.config import TORCHSERVE
from wince.serving.manifest import golden_crops
from wince.serving.pack import pack

pytestmark = pytest.mark.peer
PYTHON = Path(__file__).resolve().parents[2] / ".venv-serving/bin/python"
CLASSES = ("relaxed", "tense", "grimace")
CLIP = Clip(("icu-9",), 10, 5.0)
WAIT_S = 90


@pytest.fixture(scope="module", autouse=True)
def _installed():
    if not PYTHON.exists():
        pytest.skip("TorchServe's environment is absent: make serving")
    try:
        installed(PYTHON)
    except ConfigError as error:
        pytest.skip(error.diagnostics())


def members(folder, seeds=(0, 1, 2), width=6):
    return {f"icu-{seed}": write(folder / f"icu-{seed}.onnx", 3, seed, width=width) for seed in seeds}


def crop(seed):
    coarse = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return simplejpeg.encode_jpeg(np.kron(coarse, np.ones((32, 32, 1), np.uint8)), quality=92, colorspace="RGB")


def until(condition, what):
    """Waits; a loaded machine takes its time."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if (answer := condition()) is not None:
            return answer
        time.sleep(0.2)
    pytest.fail(f"not within {WAIT_S} s: {what}")


def come_ready(client, manifest):
    def asked():
        with contextlib.suppress(ModelFileError, Unavailable):
            ready.check(client, manifest)
            return True

    return until(asked, f"{manifest.name} {manifest.version} ready")


class World:
    """A server with two versions of one model set and one of which a member sees clips, and a client."""

    def __init__(self, folder):
        self.files, self.others = members(folder / "v1"), members(folder / "v2", seeds=(0, 1, 7))
        self.archive, self.first = pack("icu", "1.0", self.files, CLASSES, folder / "store")
        second, self.second = pack("icu", "2.0", self.others, CLASSES, folder / "store")
        seer = write_clip(folder / "clips" / "icu-9.onnx", 3, 9, frames=10, rate_hz=5)
        self.seers = members(folder / "clips", seeds=(0,)) | {"icu-9": seer}
        third, self.clips = pack("clips", "1.0", self.seers, CLASSES, folder / "store", clip=CLIP)
        self.server = TorchServe([self.archive, second, third], folder / "run", python=PYTHON)
        self.client = OipClient(self.server.start(), deadline_s=30)

    def ask(self, crops, manifest=None, **how):
        manifest = manifest or self.first
        return self.client.infer(manifest.name, manifest.version, crops, list(manifest.members), 3, **how)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("torchserve"))
    try:
        come_ready(made.client, made.first)
        yield made
    finally:
        made.client.close()
        made.server.stop()


def workers(server):
    """Processes of TorchServe's workers."""
    return [one for one in psutil.Process(server.pid).children(recursive=True) if "model_service_worker.py" in " ".join(one.cmdline())]


def test_the_numbers_are_the_embedded_ones(world):
    """Every member and the fusion, over many crops in one request and one by one, within 1e-4."""
    crops = [*golden_crops(), *(crop(seed) for seed in range(30))]
    embedded = Ensemble(world.files, 3).answer(crops)
    served = world.ask(crops)
    assert served.hashes == world.first.members
    assert served.model_set == world.first.model_set
    for name, table in embedded.members.items():
        np.testing.assert_allclose(served.answer.members[name], table, atol=1e-4)
    np.testing.assert_allclose(served.answer.fused, embedded.fused, atol=1e-4)
    for index in (0, 5):
        np.testing.assert_allclose(world.ask([crops[index]]).answer.fused[0], embedded.fused[index], atol=1e-4)


def test_a_member_that_sees_clips_gives_the_embedded_numbers(world):
    """Overlapping clips in one request, each crop sent once; clips that don't overlap; more than one request holds; a bad crop."""
    come_ready(world.client, world.clips)
    before = {one.pid for one in workers(world.server)}
    crops = [crop(seed) for seed in range(90)]
    crops[40] = b"none"
    along = [list(range(at, at + 10)) for at in range(45)]
    apart = [list(range(at, at + 10)) for at in range(0, 90, 10)]
    embedded = Ensemble(world.seers, 3, clip=CLIP)
    served = ServedMembers(world.client, world.clips)
    for rows in (along, apart, [along[7][::-1]]):
        wanted, got = embedded.answer(crops, rows), served.answer(crops, rows)
        assert got.status.tolist() == wanted.status.tolist() == [Status.NOT_JPEG if 40 in row else Status.OK for row in rows]
        for name, table in wanted.members.items():
            np.testing.assert_allclose(got.members[name], table, atol=1e-4)
        np.testing.assert_allclose(got.fused, wanted.fused, atol=1e-4)
    for rows in ([], [[0, 1, 2]], [[*range(9), 10]]):  # none, too short, of a crop that isn't there
        with pytest.raises(Unavailable, match="clips that its members don't see"):
            world.ask(crops[:10], world.clips, clips=rows)
    with pytest.raises(Unavailable, match="clips that its members don't see"):
        world.ask(crops[:10], clips=[list(range(10))])
    assert {one.pid for one in workers(world.server)} == before


def test_bad_crops_have_a_status_and_the_worker_lives(world):
    """Text, a cut JPEG, a wrong size, a large one, beside good ones; then the most that a request may hold."""
    before = {one.pid for one in workers(world.server)}
    good = crop(1)
    small = simplejpeg.encode_jpeg(np.zeros((16, 16, 3), np.uint8))
    served = world.ask([good, b"text", good[: len(good) // 3], small, b"\xff\xd8" + bytes(300_000), b"", good])
    expected = [Status.OK, Status.NOT_JPEG, None, Status.SIZE, Status.TOO_LARGE, Status.NOT_JPEG, Status.OK]
    assert [want is None or want == got for want, got in zip(expected, served.answer.status.tolist(), strict=True)] == [True] * 7
    np.testing.assert_array_equal(served.answer.fused[0], served.answer.fused[6])
    assert world.ask([good] * MAX_CROPS).answer.status.tolist() == [0] * MAX_CROPS
    assert {one.pid for one in workers(world.server)} == before


def test_bad_requests_of_a_foreign_client(world):
    """Too many crops, another tensor, another type, no tensor at all: a status, or a refusal; the worker lives and answers on."""
    before = {one.pid for one in workers(world.server)}
    with grpc.insecure_channel(world.server.target) as channel:
        call = channel.unary_unary(
            f"/{TORCHSERVE}.GRPCInferenceService/ModelInfer", lambda message: message.SerializeToString(), pb.ModelInferResponse.FromString
        )

        def status(name, datatype, values, field="bytes_contents"):
            request = pb.ModelInferRequest(model_name="icu", model_version="1.0")
            tensor = request.inputs.add(name=name, datatype=datatype, shape=[len(values)])
            getattr(tensor.contents, field).extend(values)
            answer = call(request, timeout=30)
            return next(list(output.contents.int_contents) for output in answer.outputs if output.name == "status")

        assert status("faces", "BYTES", [crop(1)] * (MAX_CROPS + 1)) == [Status.TOO_MANY]
        assert status("other", "BYTES", [crop(1)]) == [Status.MALFORMED]
        assert status("faces", "FP32", [1.0, 2.0], "fp32_contents") == [Status.MALFORMED]
        with contextlib.suppress(grpc.RpcError):
            call(pb.ModelInferRequest(model_name="icu", model_version="1.0"), timeout=30)
    assert world.ask([crop(1)]).answer.status.tolist() == [0]
    assert {one.pid for one in workers(world.server)} == before


def test_a_new_version_and_the_way_back(world):
    """Both stand side by side; who asks names one. A manifest of other members is not satisfied by it."""
    come_ready(world.client, world.second)
    picture = crop(3)
    first, second = world.ask([picture]), world.ask([picture], world.second)
    assert (first.version, second.version) == ("1.0", "2.0")
    assert first.model_set != second.model_set
    embedded = Ensemble(world.others, 3).answer([picture])
    np.testing.assert_allclose(second.answer.fused, embedded.fused, atol=1e-4)
    assert not np.allclose(first.answer.fused, second.answer.fused, atol=1e-4)
    assert world.ask([picture]).model_set == world.first.model_set
    moved = ServedMembers(world.client, world.second)
    assert moved.answer([picture]) is not None
    back = ServedMembers(world.client, world.first)
    np.testing.assert_array_equal(back.answer([picture]).fused, first.answer.fused)


def test_a_version_or_a_member_that_is_missing_is_named(world, tmp_path):
    """An unknown version; a manifest that expects a member more, or another file under its name: nothing is scored."""
    _, unknown = pack("icu", "3.0", world.files, CLASSES, tmp_path / "a")
    with pytest.raises(ModelFileError, match="does not have this version") as caught:
        ready.check(world.client, unknown)
    assert caught.value.field == "icu 3.0"
    _, more = pack("icu", "1.0", members(tmp_path / "m", seeds=(0, 1, 2, 3)), CLASSES, tmp_path / "b")
    with pytest.raises(ModelFileError, match="members are missing: icu-3"):
        ready.check(world.client, more)
    write(tmp_path / "m" / "icu-2.onnx", 3, 99)
    other = {name: tmp_path / "m" / f"{name}.onnx" for name in ("icu-0", "icu-1", "icu-2")}
    _, changed = pack("icu", "1.0", other, CLASSES, tmp_path / "c")
    served = ServedMembers(world.client, changed)
    assert served.answer([crop(1)]) is None
    assert "members are other files: icu-2" in served.fault.message


def test_a_killed_worker_is_there_again(world):
    """kill -9 of the worker while calls come: each ends with its numbers, or with Unavailable; then all is as before."""
    (_, *_), version = workers(world.server), world.first
    expected = Ensemble(world.files, 3).answer([crop(5)]).fused
    for one in workers(world.server):
        one.kill()
    outcomes = []
    for _ in range(3):
        try:
            outcomes.append(np.allclose(world.ask([crop(5)]).answer.fused, expected, atol=1e-4))
        except Unavailable:
            outcomes.append(None)
    assert False not in outcomes
    come_ready(world.client, version)
    np.testing.assert_allclose(world.ask([crop(5)]).answer.fused, expected, atol=1e-4)


def test_nothing_listens_beyond_loopback_and_no_secret_goes_to_it(world):
    """Every socket of java and its workers; the environment of the process."""
    tree = [psutil.Process(world.server.pid), *psutil.Process(world.server.pid).children(recursive=True)]
    addresses = {one.laddr.ip for process in tree for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN}
    assert addresses
    assert all(address in ("127.0.0.1", "::1", "::ffff:127.0.0.1") for address in addresses), addresses
    assert not [name for process in tree for name in process.environ() if name.startswith("WINCE_")]


def test_a_full_queue_and_a_deadline(tmp_path):
    """Eight clients at a queue of one, the worker stopped (SIGSTOP): refused or late, each by name and within its deadline; when the
    worker goes on, so does everything."""
    archive, manifest = pack("icu", "1.0", members(tmp_path / "m"), CLASSES, tmp_path / "store")
    with TorchServe([archive], tmp_path / "run", python=PYTHON, queue=1, response_s=60) as server, OipClient(server.target) as client:
        come_ready(client, manifest)
        (worker,) = workers(server)
        os.kill(worker.pid, signal.SIGSTOP)

        def ask(_):
            with OipClient(server.target, deadline_s=4) as own:
                try:
                    own.infer("icu", "1.0", [crop(1)], list(manifest.members), 3)
                except Unavailable as error:
                    return error.message
                return "answered"

        try:
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                said = list(pool.map(ask, range(8)))
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        assert set(said) == {"no answer within 4 s", "the inference server refused twice"}
        come_ready(client, manifest)
        assert {one.pid for one in workers(server)} == {worker.pid}


def test_a_truncated_archive_fails_our_readiness(tmp_path):
    """TorchServe starts, calls itself healthy and serves the other model; ours is named as missing. Whole again, it is ready."""
    store = tmp_path / "store"
    archive, manifest = pack("icu", "1.0", members(tmp_path / "m"), CLASSES, store)
    other, beside = pack("ward", "1.0", members(tmp_path / "n", seeds=(4,)), CLASSES, store)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with TorchServe([archive, other], tmp_path / "run", python=PYTHON) as server, OipClient(server.target) as client:
        come_ready(client, beside)
        assert client.live()
        with pytest.raises(ModelFileError, match="does not have this version") as caught:
            ready.check(client, manifest)
        assert caught.value.field == "icu 1.0"
        assert "damaged" in caught.value.remedy
        server.stop()
        archive.write_bytes(whole)
        server.start()
        come_ready(client, manifest)


def test_a_member_changed_in_the_archive_never_serves(tmp_path):
    """Its hash differs from what was packed: the worker refuses to start, TorchServe says healthy, we say what is missing."""
    store = tmp_path / "store"
    archive, manifest = pack("icu", "1.0", members(tmp_path / "m"), CLASSES, store)
    data = archive.read_bytes()
    weights = (tmp_path / "m" / "icu-1.onnx").read_bytes()
    at = data.index(weights) + len(weights) // 2
    changed = bytearray(data)
    changed[at] ^= 0x01
    before, after = (zlib.crc32(part).to_bytes(4, "little") for part in (weights, changed[at - len(weights) // 2 :][: len(weights)]))
    archive.write_bytes(bytes(changed).replace(before, after))
    with zipfile.ZipFile(archive) as zipped:
        assert zipped.testzip() is None
    with TorchServe([archive], tmp_path / "run", python=PYTHON) as server, OipClient(server.target, deadline_s=3) as client:
        until(lambda: True if "is not the file that was packed" in server.log.read_text() else None, "a word about it in the log")
        with pytest.raises((ModelFileError, Unavailable)):
            ready.check(client, manifest)
        assert ServedMembers(client, manifest).ready is False


def test_its_end_is_clean_and_a_bad_start_is_named(tmp_path):
    """SIGTERM ends java and workers; a python without TorchServe, two stores, an archive that is none are named before or at the start."""
    archive, manifest = pack("icu", "1.0", members(tmp_path / "m", seeds=(0,)), CLASSES, tmp_path / "store")
    server = TorchServe([archive], tmp_path / "run", python=PYTHON)
    with OipClient(server.start()) as client:
        come_ready(client, manifest)
    tree = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    server.stop()
    until(lambda: True if not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in tree) else None, "all gone")
    server.stop()
    with pytest.raises(ConfigError, match="can't be run"):
        TorchServe([archive], tmp_path / "x", python=tmp_path / "python")
    with pytest.raises(ConfigError, match="one folder"):
        TorchServe([archive, tmp_path / "elsewhere.mar"], tmp_path / "x", python=PYTHON)
    broken = TorchServe([archive], tmp_path / "y", python=PYTHON, memory_mb=1)
    with pytest.raises(ResourceError, match="TorchServe"):
        broken.start()


def test_killed_while_it_starts_it_is_started_again(tmp_path):
    """Who waits for it sees nothing of that; its address is the same."""
    archive, manifest = pack("icu", "1.0", members(tmp_path / "m", seeds=(0,)), CLASSES, tmp_path / "store")
    server = TorchServe([archive], tmp_path / "run", python=PYTHON)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        starts = pool.submit(server.start)
        try:
            killed = until(lambda: server.pid, "a process")
            os.kill(killed, signal.SIGKILL)
            with OipClient(starts.result(WAIT_S)) as client:
                come_ready(client, manifest)
            assert server.pid != killed
        finally:
            concurrent.futures.wait([starts])
            server.stop()
