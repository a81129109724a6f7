"""Every RPC by every credential, over real gRPC: what each may call stands here a second time, by hand."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor

from tests.support.certificates import Authority
from tests.support.lawful import lawful
from tests.support.rpc import dialled, failure, refused, served
from tests.support.rpc_services import Echo, bearer, echo, frame, tokens, until
from wince.api.capture.v1 import capture_pb2, capture_service_pb2
from wince.api.care.v1 import care_pb2, care_service_pb2
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub
from wince.api.record.v1.record_service_pb2 import ListTargetsRequest
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.codec import inbound
from wince.errors import MessageError
from wince.rpc.auth import caller
from wince.rpc.right import of_path
from wince.rpc.rights import RIGHTS
from wince.rpc.server import Registration

pytestmark = pytest.mark.timeout(120)

NAMES = ("capture", "detect", "estimate", "grade", "record", "care", "hospital", "server")
METHODS = {
    f"/{service.full_name}/{method.name}": method
    for name in NAMES
    for service in import_module(f"wince.api.{name}.v1.{name}_service_pb2").DESCRIPTOR.services_by_name.values()
    for method in service.methods
}

FILE = """
    reader     reader            reader-token-0123456789
    nurse      nurse             nurse-token-0123456789
    console    nurse,on_behalf   console-token-0123456789
    operator   operator          operator-token-0123456789
    camera     camera            camera-token-0123456789      sources=*
    cam-1      camera            cam-1-token-0123456789       sources=cam-1
    stage      stage             stage-token-0123456789
    capture    publish           capture-token-0123456789
    both       stage,publish     both-token-0123456789
    on-behalf  on_behalf         on-behalf-token-0123456789
    ward       nurse,operator    ward-token-0123456789        wards=ICU
    old        operator,nurse    old-token-0123456789         until=2020-01-01
    box        camera            cn:capture.example           sources=cam-1
"""
READS = (
    "ListAssessments GetAssessment ListAlerts GetAlert Watch WatchAssessments ListEntries GetEntry GetReport GetDeliveries"
    " ListQuestions GetQuestion ListVerdicts GetVerdict ListPauses GetPause GetPatientState ListSwitches ListConsents GetOccupancy"
    " ListStays GetStay ListDoubts ListDifferences"
)
DECIDES = "AcknowledgeAlert GiveVerdict StartPause EndPause SetPatientState SwitchOff SetConsent ConfirmOccupancy"
OPERATES = (
    "StartCamera StopCamera ListCameras ListModels GetDeliveries ListDeadLetters ReplayDeadLetter ListTargets ReleaseTarget QueryAudit"
    " VerifyAudit SwitchOff SwitchOn ListSwitches"
)
STAGE = "DetectFaces EstimateFaces ListModels GradeEstimates"
WARD = "ListQuestions Watch WatchAssessments ListSwitches ListConsents ListDoubts ListDifferences ListCameras ListModels ListDeadLetters"
"""What a caller that is bound may ask without naming anything."""
ASKS = {
    "reader": f"{READS} ListCameras ListModels",
    "nurse": f"{READS} {DECIDES}",
    "console": f"{READS} {DECIDES}",
    "operator": OPERATES,
    "camera": "PushFrames",
    "cam-1": "PushFrames",
    "box": "PushFrames",
    "stage": STAGE,
    "capture": "",
    "both": STAGE,
    "on-behalf": "",
    "ward": f"{WARD} ListVerdicts ListPauses",
}
ANYBODY = {"GetServerInfo", "ListProtocols", "GetProtocol"}
"""What each may ask who has a role here."""
PUBLISHES = {"capture", "both"}
WITHOUT = {
    "nothing": (),
    "wrong": bearer("wrong-token-0123456789"),
    "old": bearer("old-token-0123456789"),
    "empty": bearer(""),
    "huge": bearer("x" * 9000),
    "two": (*bearer("operator-token-0123456789"), *bearer("operator-token-0123456789")),
    "basic": (("authorization", "Basic operator-token-0123456789"),),
    "hash": bearer("sha256:" + "0" * 64),
}


def anything() -> list[Registration]:
    """All services, each of which answers every call with an empty message."""

    def service(name: str, methods: list[MethodDescriptor]) -> Registration:
        def handler(method: MethodDescriptor) -> Any:
            asked, answered = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
            serial = {"request_deserializer": asked.FromString, "response_serializer": answered.SerializeToString}

            async def once(request: Any, context: Any) -> Any:
                return answered()

            async def told(request: Any, context: Any) -> Any:
                yield answered()

            async def streamed(requests: Any, context: Any) -> Any:
                async for _ in requests:
                    yield answered()

            if method.client_streaming:
                return grpc.stream_stream_rpc_method_handler(streamed, **serial)
            if method.server_streaming:
                return grpc.unary_stream_rpc_method_handler(told, **serial)
            return grpc.unary_unary_rpc_method_handler(once, **serial)

        made = grpc.method_handlers_generic_handler(name, {method.name: handler(method) for method in methods})
        return Registration(name, lambda server: server.add_generic_rpc_handlers((made,)))

    by: dict[str, list[MethodDescriptor]] = {}
    for method in METHODS.values():
        by.setdefault(method.containing_service.full_name, []).append(method)
    return [service(name, methods) for name, methods in by.items()]


NONE = "00000000-0000-0000-0000-000000000000"


def simplest(method: MethodDescriptor) -> Any:
    """A request that breaks no rule, and names nothing where it needn't; nobody as the author."""
    request = message_factory.GetMessageClass(method.input_type)()
    try:
        inbound.check(request)
    except MessageError:
        request = lawful(method.input_type)
    author = RIGHTS[f"/{method.containing_service.full_name}/{method.name}"].author
    if author and (found := of_path(request, author)) is not None:
        found[0].ClearField(found[1])
    for name in ("publish", "snapshots"):
        if name in method.input_type.fields_by_name:
            request.ClearField(name)
    return request


def given(nurse: str) -> care_service_pb2.GiveVerdictRequest:
    """A verdict in somebody's name."""
    verdict = care_pb2.Verdict(id=NONE, assessment_id=NONE, nurse=nurse, grade=1, at_us=1)
    return care_service_pb2.GiveVerdictRequest(verdict=verdict)


def pushed(source: str) -> capture_service_pb2.PushFramesRequest:
    """A frame of a camera."""
    return capture_service_pb2.PushFramesRequest(frame=capture_pb2.Frame(source=source, width=64, height=64, jpeg=b"x"))


def outcome(dial: grpc.Channel, name: str, metadata: Any, request: Any = None) -> str:
    """The status that a call comes to."""
    method = METHODS[name]
    asked, answered = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
    request = simplest(method) if request is None else request
    serial = {"request_serializer": asked.SerializeToString, "response_deserializer": answered.FromString}
    try:
        if method.client_streaming:
            list(dial.stream_stream(name, **serial)(iter([request]), metadata=metadata, timeout=30))
        elif method.server_streaming:
            list(dial.unary_stream(name, **serial)(request, metadata=metadata, timeout=30))
        else:
            dial.unary_unary(name, **serial)(request, metadata=metadata, timeout=30)
    except grpc.RpcError as error:
        return failure(error).code.name
    return "OK"


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[dict[str, tuple[grpc.Channel, Any]]]:
    """Every credential: a channel, and what goes with a call."""
    folder = tmp_path_factory.mktemp("rpc")
    authority = Authority(folder)
    cert, key = authority.issue("localhost")
    file = tokens(folder / "tokens", FILE)
    tls = {"tls_cert_file": cert, "tls_key_file": key, "tls_client_ca_file": authority.file}
    with ExitStack() as stack:
        server = stack.enter_context(served(*anything(), token_file=file, **tls))

        def channel(name: str) -> grpc.Channel:
            mine, secret = (path.read_bytes() for path in authority.issue(name))
            credentials = grpc.ssl_channel_credentials(authority.file.read_bytes(), secret, mine)
            return stack.enter_context(dialled(server.port, credentials))

        nobody = channel("nobody.example")
        found = {name: (nobody, bearer(f"{name}-token-0123456789")) for name in ASKS}
        found |= {name: (nobody, metadata) for name, metadata in WITHOUT.items()}
        yield found | {"box": (channel("capture.example"), ())}


def test_a_refusal_says_what_would_be_let_in(world: dict[str, tuple[grpc.Channel, Any]]):
    """A token without its scheme, and a role that isn't enough."""
    dial, reader = world["reader"]
    bare = refused(RecordServiceStub(dial).ListTargets, ListTargetsRequest(), metadata=(("authorization", "operator-token-0123456789"),))
    assert (bare.code, bare.error.remedy) == (grpc.StatusCode.UNAUTHENTICATED, "send `authorization: Bearer TOKEN`")
    other = refused(RecordServiceStub(dial).ListTargets, ListTargetsRequest(), metadata=reader)
    assert (other.code, "operator" in other.error.remedy) == (grpc.StatusCode.PERMISSION_DENIED, True)


@pytest.mark.parametrize("who", [*ASKS, *WITHOUT])
def test_every_rpc_by_every_credential(world: dict[str, tuple[grpc.Channel, Any]], who: str):
    """More than 40 RPCs, each with the simplest request."""
    dial, metadata = world[who]
    allowed = {*ASKS.get(who, "").split(), *(ANYBODY if who in ASKS and who != "on-behalf" else ())}
    no = "UNAUTHENTICATED" if who in WITHOUT else "PERMISSION_DENIED"
    found = {name: outcome(dial, name, metadata) for name in METHODS}
    assert found == {name: "OK" if method.name in allowed else no for name, method in METHODS.items()}


@pytest.mark.parametrize("who", [*ASKS, *WITHOUT])
def test_only_who_may_publish_does(world: dict[str, tuple[grpc.Channel, Any]], who: str):
    dial, metadata = world[who]
    name = "/wince.api.detect.v1.DetectService/DetectFaces"
    no = "UNAUTHENTICATED" if who in WITHOUT else "PERMISSION_DENIED"
    request = simplest(METHODS[name])
    request.publish = True
    assert outcome(dial, name, metadata, request) == ("OK" if who in PUBLISHES else no)


def test_a_camera_pushes_itself_alone(world: dict[str, tuple[grpc.Channel, Any]]):
    name = "/wince.api.capture.v1.CaptureService/PushFrames"
    for who in ("cam-1", "box", "camera"):
        dial, metadata = world[who]
        for source, mine in (("cam-1", True), ("cam-2", False), ("cam-1.x", False)):
            assert outcome(dial, name, metadata, pushed(source)) == ("OK" if mine or who == "camera" else "PERMISSION_DENIED"), (
                who,
                source,
            )


def test_nobody_speaks_for_another_but_who_may(world: dict[str, tuple[grpc.Channel, Any]]):
    name = "/wince.api.care.v1.CareService/GiveVerdict"
    asked = {
        ("nurse", ""): "OK", ("nurse", "nurse"): "OK", ("nurse", "n-17"): "PERMISSION_DENIED", ("nurse", "Nurse"): "PERMISSION_DENIED",
        ("console", ""): "OK", ("console", "n-17"): "OK",
    }  # fmt: skip
    for (who, nurse), wanted in asked.items():
        dial, metadata = world[who]
        assert outcome(dial, name, metadata, given(nurse)) == wanted, (who, nurse)


class Told(Echo):
    """Remembers who called."""

    async def DetectFaces(self, requests, context):
        self.name = caller().name
        async for answer in super().DetectFaces(requests, context):
            yield answer


@contextmanager
def streaming(port: int, token: str) -> Iterator[tuple[Any, threading.Event]]:
    """A stream that is open, and has an answer."""
    over = threading.Event()

    def frames() -> Iterator[Any]:
        for number in range(100_000):
            yield frame(number)
            if over.wait(0.05):
                return

    with dialled(port) as dial:
        answers = DetectServiceStub(dial).DetectFaces(frames(), metadata=bearer(token), timeout=100)
        next(answers)
        yield answers, over
        over.set()


STREAMS = "one stage one-token-0123456789abc {one}\nkept stage kept-token-0123456789\n"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("kept stage kept-token-0123456789\n", "UNAUTHENTICATED"),
        ("one reader one-token-0123456789abc\nkept stage kept-token-0123456789\n", "PERMISSION_DENIED"),
        ("one stage one-token-0123456789abc until=2020-01-01\nkept stage kept-token-0123456789\n", "UNAUTHENTICATED"),
        ("one stage one-token-0123456789abc sources=other\nkept stage kept-token-0123456789\n", "UNAVAILABLE"),
    ],
    ids=["gone", "another role", "its time is over", "bound to another camera"],
)
def test_a_token_that_is_taken_away_ends_its_streams_and_no_others(tmp_path: Path, change: str, code: str):
    file = tokens(tmp_path / "tokens", STREAMS.format(one=""))
    with (
        served(echo(Told()), token_file=file) as server,
        streaming(server.port, "one-token-0123456789abc") as (one, _),
        streaming(server.port, "kept-token-0123456789") as (kept, _),
    ):
        tokens(file, change)
        began = time.monotonic()
        with pytest.raises(grpc.RpcError) as caught:
            for _ in one:
                pass
        assert failure(caught.value).code.name == code
        assert time.monotonic() - began < 60
        assert next(kept).face.source == "kept"
        with dialled(server.port) as dial:
            again = refused(DetectServiceStub(dial).DetectFaces, iter([frame(1)]), metadata=bearer("one-token-0123456789abc"))
        assert again.code.name == ("PERMISSION_DENIED" if code == "UNAVAILABLE" else code)


def test_a_stream_ends_with_its_token(tmp_path: Path):
    ends = time.time() + 4
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))
    file = tokens(tmp_path / "tokens", STREAMS.format(one=f"until={moment}"))
    with served(echo(Told()), token_file=file) as server, streaming(server.port, "one-token-0123456789abc") as (one, _):
        with pytest.raises(grpc.RpcError) as caught:
            for _ in one:
                pass
        assert failure(caught.value).code is grpc.StatusCode.UNAUTHENTICATED
        assert time.time() >= int(ends)
        until(lambda: server.running == 0)
