"""A marker in every field of every wire: none stands where somebody may read who must not know who lies there.

Not asked of: what a protocol demands to be given back (MSH-3 to MSH-6 and MSH-10 of an HL7 message in its acknowledgement), and a camera's
name, which is a name of the installation and stands in logs, metrics and keys.
"""

from __future__ import annotations

import functools
import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.uid import generate_uid

from tests.conftest import copied, reachable
from tests.face_models import fetched
from tests.integration.imaging_world import World, clip, person, shown, storescu, world
from tests.integration.test_rpc_noise import texts
from tests.support.every_service import METHODS, every_service, multicallable
from tests.support.rpc import dialled, failure
from tests.support.seeds import Seeds, refusing_ehr, refusing_engine
from wince import codec
from wince.bus.memory import MemoryBus
from wince.bus.topics import ASSESSMENTS, CARE, ESTIMATES, STAYS
from wince.errors import WinceError
from wince.protocols.loader import load
from wince.store.database import Database
from wince.telemetry import logs, metrics
from wince.telemetry.traces import TRACES
from wince.testing import hl7
from wince.testing.dicom import objects

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]
AT_US = 1_767_600_000_000_000
OTHER = hl7.Person("100009", "Neuntfrau", "Anna", "19590909", "F")
SEGMENTS = {"EVN": 7, "PID": 39, "PV1": 52, "PD1": 21, "NK1": 39, "MRG": 7, "OBR": 20, "OBX": 20, "NTE": 4}
"""Fields of each segment."""
GIVEN_BACK = ("MSH-",)
NAMES = ("StartCamera.camera.source",)
PATIENT_TAGS = range(0x00100010, 0x00104001)
OTHER_TAGS = (
    "ReferringPhysicianName", "ReferringPhysicianAddress", "ReferringPhysicianTelephoneNumbers", "PhysiciansOfRecord", "OperatorsName",
    "PerformingPhysicianName", "NameOfPhysiciansReadingStudy", "RequestingPhysician", "AccessionNumber", "StudyDescription",
    "SeriesDescription", "InstitutionName", "InstitutionAddress", "InstitutionalDepartmentName", "StationName", "StudyID",
    "CurrentPatientLocation", "PatientInstitutionResidence", "PatientState", "ImageComments", "ProtocolName", "DeviceSerialNumber",
    "RequestedProcedureDescription", "PerformedProcedureStepDescription", "ContentCreatorName", "ResponsiblePerson", "VisitComments",
)  # fmt: skip
IDENTITY = ("PatientID", "IssuerOfPatientID", "TypeOfPatientID", "PatientName")
FREE = ("PN", "LO", "SH", "LT", "ST", "UT", "UC")
"""Value representations that any letters are in."""


@dataclass
class Road:
    """An installation into which markers are sent, and everything that it says beside the record."""

    world: World
    seeds: Seeds
    folder: Path
    log: io.StringIO
    spans: InMemorySpanExporter
    published: list[str]
    publish: Callable[..., Any]
    """Onto the bus, without being noted in `published`."""
    said: dict[str, list[str]] = field(default_factory=dict)
    """Answers and errors by wire."""

    def answer(self, wire: str, text: object) -> None:
        self.said.setdefault(wire, []).append(str(text))


@pytest.fixture(scope="module")
def road(postgres_dsn: str) -> Iterator[Road]:
    """The markers have been sent, by every wire."""
    fetched()
    seeds, log, spans, published = Seeds(), io.StringIO(), InMemorySpanExporter(), list[str]()
    publish = MemoryBus.publish

    def noted(self: MemoryBus, topic: str, key: str, value: bytes, headers: Any = None) -> Any:
        published.append(f"{topic} {key} {headers}")
        return publish(self, topic, key, value, headers)

    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(MemoryBus, "publish", noted)
        dsn = stack.enter_context(copied(postgres_dsn))
        database = stack.enter_context(Database(dsn))
        directory = stack.enter_context(reachable())
        folder = directory / "in"
        folder.mkdir()
        census = directory / f"{seeds.mark('census file name')}.csv"
        census.write_text(_census(seeds))
        more = {
            "dicom_watch_folder": folder, "dicom_watch_stable_s": 0.2, "stow_port": 0, "dicom_keep_h": 0.0, "mllp_refused": "park",
            "census_source": "csv", "census_file": census, "census_grace_s": 0.0, "log_level": "debug",
            "ehr_url": f"http://127.0.0.1:{stack.enter_context(refusing_ehr(seeds.mark('FHIR answer')))}",
            "oru_address": f"127.0.0.1:{stack.enter_context(refusing_engine(seeds.mark('ORU acknowledgement')))}", "oru_tls": False,
            "ehr_auth": "none",
        }  # fmt: skip
        stack.callback(logs.configure, "warning", json=False)
        logs.configure("debug", json=True, stream=log)
        TRACES.start("test", SimpleSpanProcessor(spans))
        stack.callback(TRACES.stop)
        names = ("hospital", "care", "record", "grade", "imaging")
        here = stack.enter_context(world(dsn, database, directory / "state", names, **more))
        here.admit()
        made = Road(here, seeds, directory, log, spans, published, functools.partial(publish, here.bus))
        _by_dicom(made)
        for json_ in (True, False):
            logs.configure("debug", json=json_, stream=log)
            _by_hl7(made, json_)
            _by_grpc(made, json_)
        _by_bus(made)
        _by_files(made)
        yield made


def _census(seeds: Seeds) -> str:
    """A row for each column that is wrong, one that is right, and a row too long."""
    columns = ("patient", "encounter", "bed", "since", "birth_date", "patient_authority", "encounter_authority")
    right = ["P1", "V1", "ICU^7^A", "2026-01-05T07:00:00Z", "1950-01-01", "HOSP", "HOSP"]
    rows = [[*right[:at], seeds.mark(f"census {column}"), *right[at + 1 :]] for at, column in enumerate(columns)]
    return "\n".join([",".join((*columns, seeds.mark("census header"))), *map(",".join, rows), seeds.mark("census short row")]) + "\n"


def _by_hl7(road: Road, json_: bool) -> None:
    """Each field of each segment alone, in a message that is right without it; then what is no message."""
    port, run = road.world.settings.mllp_port, f"json {json_}"
    for segment, count in SEGMENTS.items():
        for number in range(1, count + 1):
            place = f"{segment}-{number} {run}"
            _send(road, port, _message(segment, number, road.seeds.mark(place), place))
    for number in (3, 4, 5, 6, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18):
        lines = _message("", 0, "", f"MSH {number}").split("\r")
        header = lines[0].split("|")
        header += [""] * (number - len(header))
        header[number - 1] = road.seeds.mark(f"MSH-{number} {run}")
        _send(road, port, "\r".join(["|".join(header), *lines[1:]]))
    for place in ("no message", "a segment", "half"):
        word = road.seeds.mark(f"HL7 {place} {run}")
        _send(road, port, {"no message": word, "a segment": f"{word}|1\r", "half": f"MSH|^~\\&|A|B\r{word}"}[place])
    with socket.create_connection(("127.0.0.1", port), 20) as raw:
        raw.sendall(f"GET /{road.seeds.mark(f'HTTP at MLLP {run}')} HTTP/1.1\r\n\r\n".encode())


def _send(road: Road, port: int, text: str) -> None:
    try:
        road.answer("mllp", hl7.send("127.0.0.1", port, text))
    except (OSError, WinceError) as error:  # it may hang up on what is no message
        road.answer("mllp", error)


def _message(segment: str, number: int, word: str, control: str) -> str:
    trigger = "A40" if segment == "MRG" else "A08"
    if segment in ("OBR", "OBX", "NTE"):
        text = hl7.oru(OTHER, "V9", AT_US, ["1|NM|72514-3^Pain^LN||5|{score}|||||F"], control_id=control)
    else:
        text = hl7.adt(trigger, OTHER, "ICU^109^A", "V9", AT_US, control_id=control)
    lines = [line for line in text.split("\r") if line]
    if segment and not any(line.startswith(segment) for line in lines):
        lines.append(f"{segment}|1")
    for at, line in enumerate(lines):
        if segment and line.startswith(segment):
            row = line.split("|")
            row += [""] * (number + 1 - len(row))
            row[number] = word
            lines[at] = "|".join(row)
    return "\r".join(lines) + "\r"


def _by_grpc(road: Road, json_: bool) -> None:
    """Each text of each RPC, in a request that is right but for it."""
    folder = road.folder / f"grpc-{json_}"
    folder.mkdir()
    with every_service(road.world.database, folder, stream_idle_s=0.2) as port, dialled(port) as channel:
        for method in METHODS:
            for place in texts(method.input_type):
                word = road.seeds.mark(f"{method.name}.{place.name} json {json_}")
                for text in (word, f"{word}\0", f"rtsp://{word}:{word}@cam.example/{word}", f"{word} {'x' * 300}"):
                    body = place.filled(GetMessageClass(method.input_type), text)
                    _call(road, channel, method, body)


def _call(road: Road, channel: grpc.Channel, method: Any, body: bytes) -> None:
    ask = multicallable(channel, method)
    try:
        answer = ask(iter([body]) if method.client_streaming else body, timeout=0.2 if method.server_streaming else 60)
        for _ in answer if method.server_streaming else ():
            pass
    except grpc.RpcError as error:
        road.answer("grpc", (failure(error), error.trailing_metadata()))


def _by_dicom(road: Road) -> None:
    """Each free text of patient and study, in a video of somebody known, a picture of somebody unknown, and what is no object."""
    more = {keyword: road.seeds.mark(f"DICOM {keyword}") for keyword in _keywords()}
    for keyword in [name for name in more if dictionary_VR(name) == "SH"]:
        more[keyword] = more[keyword][:16]
    known = clip(person=person(name=road.seeds.mark("DICOM name of somebody known"), more=more | {"PatientID": "100001"}))
    unknown = objects.pictures(shown(), person(number=road.seeds.mark("DICOM number"), name=road.seeds.mark("DICOM name"), more={}))
    for made in (known, unknown):
        name = objects.write(made, road.folder / f"{road.seeds.mark(f'DICOM file {made.SOPInstanceUID}')}.dcm")
        storescu(road.world.port, name, options=("-R", "-xn", "-aet", road.seeds.mark("calling title").upper()), ok=False)
    storescu(road.world.port, name, title=road.seeds.mark("called title").upper(), ok=False)
    (road.world.settings.dicom_watch_folder / f"{road.seeds.mark('watched file')}.dcm").write_bytes(name.read_bytes())  # type: ignore[operator]
    (road.world.settings.dicom_watch_folder / f"{road.seeds.mark('watched junk')}.dcm").write_bytes(b"junk")  # type: ignore[operator]
    unknown.SOPInstanceUID = unknown.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    part = objects.write(unknown, road.folder / "stow.dcm").read_bytes()
    junk = road.seeds.mark("STOW junk")
    body = b"".join(b"\r\n--BB\r\nContent-Type: application/dicom\r\n\r\n" + one for one in (part, junk.encode())) + b"\r\n--BB--\r\n"
    port = road.world.running["imaging"]._service.parts[-2].port
    kind = 'multipart/related; type="application/dicom"; boundary=BB'
    for path, kind_ in (("/studies", kind), (f"/studies/{road.seeds.mark('STOW path')}", kind), ("/studies", road.seeds.mark("STOW type"))):
        found = httpx.post(f"http://127.0.0.1:{port}{path}", content=body, headers={"Content-Type": kind_, "X-Name": junk})
        road.answer("stow", f"{found.headers} {found.text}")
    road.world.state(known.SOPInstanceUID, "graded")
    road.world.state(unknown.SOPInstanceUID, "held", "unknown")


def _keywords() -> list[str]:
    found = [keyword_for_tag(tag) for tag in PATIENT_TAGS]
    return [name for name in (*dict.fromkeys(found), *OTHER_TAGS) if name and dictionary_VR(name) in FREE and name not in IDENTITY]


def _by_bus(road: Road) -> None:
    """Records that nobody can read, or that say what they may not: they become dead letters."""
    for topic in (CARE, STAYS, ESTIMATES, ASSESSMENTS):
        for number, schema in enumerate(codec.SCHEMAS):
            word = road.seeds.mark(f"record {number} of {topic}")
            headers = {"schema": schema.encode(), word: word.encode()}
            for value in (word.encode(), b"\x0a\x0c" + word.encode()):
                road.publish(topic, "cam-1", value, headers)


def _by_files(road: Road) -> None:
    """A file that holds them, where its errors are logged."""
    log = logs.get("wince.test")
    path = road.folder / "protocol.toml"
    for text in (f"{road.seeds.mark('protocol key')} = 1\n", f"name = '{road.seeds.mark('protocol value')}'\n", road.seeds.mark("no TOML")):
        path.write_text(text)
        try:
            load(str(path))
        except WinceError as error:
            log.error("a protocol can't be read", error=error)


def test_no_marker_stands_where_it_may_not(road: Road):
    """Logs at debug, as JSON and as text; metrics, traces, processes' arguments, file names, topics, keys, headers, chain, answers."""
    road.world.until(lambda: {target for target, attempts in _deliveries(road) if attempts} == {"ehr", "oru"})
    state = road.folder / "state"
    with road.world.database.transaction() as tx:
        chain = tx.execute("SELECT * FROM audit").fetchall()
        kept = str(tx.execute("SELECT payload FROM audit_payload").fetchall())
    places = {
        "logs": road.log.getvalue(),
        "metrics": generate_latest(metrics.REGISTRY).decode(),
        "traces": "".join(one.to_json() for one in road.spans.get_finished_spans()),
        "arguments": _arguments(),
        "file names": "\n".join(str(one.relative_to(road.folder)) for one in state.rglob("*")),
        "bus": "\n".join(road.published),
        "chain": str(chain),
        **{wire: "\n".join(said) for wire, said in road.said.items()},
    }
    assert all(places.values()), [name for name, text in places.items() if not text]
    assert road.seeds.found({"payloads": kept}), "the markers came in"
    assert len(road.seeds.places) > 700
    assert road.seeds.found(places, {"mllp": GIVEN_BACK, "logs": NAMES}) == {}


def _deliveries(road: Road) -> list[tuple[Any, ...]]:
    with road.world.database.transaction() as tx:
        return tx.execute("SELECT target, attempts FROM outbox").fetchall()


def _arguments() -> str:
    """Of every process that can be seen."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(one.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:  # it has ended
            continue
    return "\n".join(found)


@pytest.mark.parametrize("arguments", [("status", "--json"), ("doctor",)])
def test_commands_that_only_look_name_nobody(road: Road, arguments: tuple[str, ...]):
    settings = road.world.settings
    assert settings.pg_dsn is not None
    environment = os.environ | {
        "WINCE_STATE_DIR": str(settings.state_dir), "WINCE_PG_DSN": settings.pg_dsn.get_secret_value(), "WINCE_MLLP_PORT": "0",
        "WINCE_EHR_URL": str(settings.ehr_url), "WINCE_ORU_ADDRESS": settings.oru_address, "WINCE_ORU_TLS": "false",
        "WINCE_EHR_AUTH": "none",
    }  # fmt: skip
    command = [sys.executable, "-m", "wince.cli.main", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
    assert done.stdout
    if "--json" in arguments:
        assert json.loads(done.stdout)
    assert road.seeds.found({"output": done.stdout, "errors": done.stderr}) == {}
