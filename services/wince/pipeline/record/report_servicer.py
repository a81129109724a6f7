"""The part of RecordService that makes reports."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from wince.api.record.v1 import record_service_pb2 as pb
from wince.api.record.v1 import report_pb2
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceServicer
from wince.codec.grade import alert_from_message
from wince.errors import MessageError
from wince.pipeline.record.reading import RecordReader, Scope, Slice
from wince.pipeline.record.reading_servicer import scope_of
from wince.pipeline.record.report import Found, document
from wince.protocols.rules import ClinicalProtocol
from wince.report.html import html
from wince.report.pdf import pdf
from wince.rpc.auth import caller
from wince.rpc.errors import TooLarge
from wince.rpc.requests import given, under
from wince.rpc.workers import Workers

MOST_ROWS = 5000
"""Entries, and alerts, of one report."""
LARGEST = 16 << 20
"""Bytes of a report."""
CHUNK = 64 << 10
_LESS = "ask for less time: scope.start_us, scope.end_us"
_PDF = report_pb2.REPORT_FORMAT_PDF
_MEDIA = {False: ("text/html; charset=utf-8", "report.html"), True: ("application/pdf", "report.pdf")}


class ReportServicer(RecordServiceServicer):
    """Over the record's reader; mixed into record's servicer."""

    _reader: RecordReader
    _protocols: Mapping[str, ClinicalProtocol]
    workers: Workers

    async def GetReport(self, request: pb.GetReportRequest, context: Any) -> AsyncIterator[report_pb2.GetReportResponse]:  # noqa: N802
        """See the proto."""
        if request.format not in report_pb2.ReportFormat.values():
            raise MessageError("is none that this version knows", field="format", remedy="HTML or PDF")
        with under("scope"):
            of = scope_of(given(request, "scope"))
            if of.kind not in ("bed", "encounter"):
                raise MessageError("a report is of one bed or encounter", field=of.kind, remedy="name it")
        media, name = _MEDIA[request.format == _PDF]
        data = await self.workers.run(self._report, of, request.format == _PDF, caller().name)
        head = report_pb2.ReportHead(media_type=media, size_bytes=len(data), sha256=hashlib.sha256(data).digest(), file_name=name)
        yield report_pb2.GetReportResponse(head=head)
        for begin in range(0, len(data), CHUNK):
            yield report_pb2.GetReportResponse(chunk=data[begin : begin + CHUNK])

    def _report(self, of: Scope, as_pdf: bool, who: str) -> bytes:
        part = Slice((), MOST_ROWS + 1, None, False)
        entries, alerts, seen, held, made_us = self._reader.report(of, part, who)
        if len(entries) > MOST_ROWS or len(alerts) > MOST_ROWS:
            raise TooLarge(
                f"more than {MOST_ROWS} entries or alerts", field="scope", remedy="ask for less time: scope.start_us, scope.end_us"
            )
        subject = f"{'Bed' if of.kind == 'bed' else 'Encounter'} {of.name}"
        named = dict.fromkeys([*(one.protocol for one in held), *(one.protocol for one in entries)])
        labels = [self._protocols[name].report.label for name in named if name in self._protocols]
        made = document(Found(subject, held, entries, [alert_from_message(one) for one in alerts], seen, labels), made_us)
        data = pdf(made) if as_pdf else html(made).encode()
        if len(data) > LARGEST:
            raise TooLarge(f"longer than {LARGEST >> 20} MiB", field="scope", remedy=_LESS)
        return data
