"""Reports of a bed or an encounter over gRPC: what stands in the record, as a file, within limits, and audited."""

import hashlib
import html
from collections.abc import Iterator

import grpc
import pytest
from pypdf import PdfReader

from tests.integration.record_world import BED, T0, US, FakeTarget, admit, alert, stay, window
from tests.support.rpc import dialled, refused, served
from wince.api.record.v1 import record_service_pb2 as pb
from wince.api.record.v1 import report_pb2
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.clients.record import RecordClient
from wince.domain.reason import Reason
from wince.pipeline.record import report_servicer
from wince.pipeline.record.servicer import RecordServicer
from wince.pipeline.record.servicer import registration as record
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.rpc.config import RpcSettings
from wince.store import audit
from wince.store.database import Database

PROTOCOLS = {"activity": load("activity")}
NOW = T0 + 600 * US
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def port(database: Database) -> Iterator[int]:
    admit(database, stay())
    windows = [window(0), window(1), window(2, 2), window(3, None, reason=Reason.DARK)]
    PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: NOW).commit([*windows, alert(windows[2])])
    made = RecordServicer(database, lambda: None, clock=lambda: NOW, protocols=PROTOCOLS)  # type: ignore[arg-type, return-value]
    with served(record(made)) as server:
        yield server.port


def test_a_report_says_what_stands_in_the_record(database: Database, port: int, tmp_path) -> None:
    with RecordClient([f"127.0.0.1:{port}"], RpcSettings()) as client:
        client.acknowledge(alert(window(2, 2)).id, "n-7")
        page = html.unescape(client.report(BED).decode())
        for said in ("quiet", "0:00:10", "dark", "alert", "n-7", "2023-11-14 22:14:10", "ab" * 32, PROTOCOLS["activity"].report.label):
            assert said in page, said
        assert client.report(BED) == client.report(BED), "equal record, equal bytes"
        (tmp_path / "report.pdf").write_bytes(client.report(encounter="V1", as_pdf=True))
        text = " ".join(one.extract_text() for one in PdfReader(tmp_path / "report.pdf").pages)
        assert "Encounter V1" in text
        assert "M-V1" in text
        nothing = client.report(BED, NOW + US).decode()
        assert "No window of this time" in nothing
    assert [row.event for row in audit.rows(database)].count("read") >= 5


def test_the_file_comes_in_pieces_and_within_limits(port: int, monkeypatch) -> None:
    monkeypatch.setattr(report_servicer, "CHUNK", 1000)
    asked = pb.GetReportRequest(scope=pb.Scope(bed=BED), format=report_pb2.REPORT_FORMAT_HTML)
    with dialled(port) as channel:
        first, *rest = RecordServiceStub(channel).GetReport(asked, timeout=60)
        data = b"".join(one.chunk for one in rest)
        assert (first.head.media_type, first.head.size_bytes) == ("text/html; charset=utf-8", len(data))
        assert first.head.sha256 == hashlib.sha256(data).digest()
        assert BED not in first.head.file_name
        assert all(0 < len(one.chunk) <= 1000 for one in rest)
        ask = RecordServiceStub(channel).GetReport
        for wrong, field in (
            (pb.GetReportRequest(), "scope"),
            (pb.GetReportRequest(scope=pb.Scope(ward="ICU")), "scope.ward"),
            (pb.GetReportRequest(scope=pb.Scope(all=True)), "scope.all"),
            (pb.GetReportRequest(scope=pb.Scope(bed=BED), format=9), "format"),  # type: ignore[arg-type]
        ):
            found = refused(ask, wrong)
            assert (found.code, found.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
        monkeypatch.setattr(report_servicer, "LARGEST", 1000)
        assert refused(ask, asked).code is grpc.StatusCode.RESOURCE_EXHAUSTED
        monkeypatch.setattr(report_servicer, "MOST_ROWS", 1)
        assert "less time" in refused(ask, asked).error.remedy
