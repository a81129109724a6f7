"""Spans to a collector: TLS and a token out of files; one that is away holds nothing up and fills nothing."""

from __future__ import annotations

import socket
import threading

import grpc
import pytest

from tests.support.certificates import Authority
from tests.support.collector import collecting
from tests.unit.assess.report.synthetic import window
from wince import renewed
from wince.errors import ConfigError
from wince.telemetry import otlp
from wince.telemetry.otlp import QUEUE, collector
from wince.telemetry.traces import Traces

ONE = window(0, 2)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Without what the machine's own variables say."""
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", *otlp.CERTIFICATES):
        monkeypatch.delenv(name, raising=False)


def sent(processor) -> None:
    """One span, given out."""
    traces = Traces()
    traces.start("test", processor)
    with traces.span("grade.publish", ONE):
        pass
    traces.stop()


def test_tls_with_a_token_out_of_a_file(tmp_path):
    authority = Authority(tmp_path)
    certificate, key = authority.issue("localhost", "127.0.0.1")
    mine, own = authority.issue("wince")
    pairs = [(key.read_bytes(), certificate.read_bytes())]
    credentials = grpc.ssl_server_credentials(pairs, authority.file.read_bytes(), require_client_auth=True)
    token = tmp_path / "headers"
    token.write_text("# of the collector\nauthorization: Bearer s3cret-token-of-ours\n\n")
    with collecting(credentials) as there:
        where = f"https://localhost:{there.port}"
        sent(collector(where, ca_file=authority.file, cert_file=mine, key_file=own, headers_file=token))
        (span,) = there.spans()
        assert span.trace_id == ONE.id.bytes
        assert there.metadata["authorization"] == "Bearer s3cret-token-of-ours"
        (resource,) = {one.resource.SerializeToString() for one in there.requests[0].resource_spans}
        assert b"wince-test" in resource


def test_the_systems_authorities_where_no_file_is_set(tmp_path, monkeypatch):
    """gRPC's own list doesn't have what a hospital installed; SSL_CERT_FILE counts as everywhere."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("localhost", "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with collecting(grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])) as there:
        sent(collector(f"https://localhost:{there.port}"))
        assert len(there.spans()) == 1


def test_who_is_not_believed_gets_nothing_and_nobody_waits(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(otlp, "TIMEOUT_S", 0.5)
    authority = Authority(tmp_path)
    certificate, key = authority.issue("another.example")
    with collecting(grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])) as there:
        sent(collector(f"https://127.0.0.1:{there.port}", ca_file=authority.file))
        assert there.spans() == []
    assert "traces don't reach the collector" in capsys.readouterr().err


def test_opentelemetrys_own_variables_count_where_ours_are_silent(monkeypatch):
    with collecting() as there:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{there.port}")
        sent(collector())
        assert len(there.spans()) == 1


@pytest.mark.parametrize("silent", [False, True])
def test_a_collector_that_is_away_holds_nothing_up_and_fills_nothing(monkeypatch, capsys, silent):
    """Nobody listens; or somebody takes the connection and never says a word."""
    monkeypatch.setattr(otlp, "TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        if not silent:
            mute.close()
        processor = collector(f"http://127.0.0.1:{mute.getsockname()[1] if silent else 9}")
        traces = Traces()
        traces.start("test", processor)
        for _ in range(3 * QUEUE):
            with traces.span("grade.publish", ONE):
                pass
        assert len(processor._batch_processor._queue) <= QUEUE
        ended = threading.Event()
        threading.Thread(target=lambda: (traces.stop(), ended.set()), daemon=True).start()
        assert ended.wait(25), "the drain of a service lasts 20 s"
    assert capsys.readouterr().err.count("traces don't reach the collector") == 1


@pytest.mark.parametrize(
    ("endpoint", "files", "field"),
    [
        ("collector.example", {}, "otlp.endpoint"),
        ("https://collector.example", {}, "otlp.endpoint"),
        ("https://me:secret@collector.example:4317", {}, "otlp.endpoint"),
        ("https://collector.example:4317/v1/traces", {}, "otlp.endpoint"),
        ("https://collector.example:99999", {}, "otlp.endpoint"),
        ("http://collector.example:4317", {}, "otlp.endpoint"),
        ("https://c.example:4317", {"cert_file": "x"}, "otlp.cert_file"),
        ("https://c.example:4317", {"ca_file": "absent"}, "otlp.ca_file"),
        ("https://c.example:4317", {"ca_file": "x"}, "otlp.ca_file"),
        ("http://127.0.0.1:4317", {"ca_file": "x"}, "otlp.ca_file"),
        ("http://127.0.0.1:4317", {"headers_file": "x"}, "otlp.headers_file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, endpoint, files, field):
    (tmp_path / "x").write_text("no pem, no header")
    with pytest.raises(ConfigError) as caught:
        collector(endpoint, **{name: tmp_path / file for name, file in files.items()})
    assert caught.value.field.startswith(field)
    assert "secret" not in str(caught.value)


def test_another_wire_is_refused(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    with pytest.raises(ConfigError, match="gRPC"):
        collector()


def test_plain_beyond_loopback_only_by_its_name():
    collector("http://192.0.2.1:4317", plain_beyond_loopback=True).shutdown()


def test_a_renewed_certificate_and_token_count_from_the_next_batch_on(tmp_path, monkeypatch, capsys):
    """A collector that changes its authority and its token in one go; what can't be used changes nothing."""
    monkeypatch.setattr(renewed, "AGAIN_S", 0.0)
    folders = [tmp_path / "before", tmp_path / "after"]
    for folder in folders:
        folder.mkdir()
    authorities = [Authority(folder) for folder in folders]
    ca, token = tmp_path / "ca.pem", tmp_path / "headers"
    ca.write_bytes(authorities[0].file.read_bytes())
    token.write_text("authorization: first")
    credentials = []
    for authority in authorities:
        certificate, key = authority.issue("localhost", "127.0.0.1")
        credentials.append(grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())]))
    traces = Traces()
    with collecting(credentials[0]) as there:
        port = there.port
        traces.start("test", collector(f"https://localhost:{port}", ca_file=ca, headers_file=token))
        with traces.span("grade.publish", ONE):
            pass
        there.wait(lambda spans: len(spans) == 1)
        token.write_text("no header")
        with traces.span("grade.publish", ONE):
            pass
        there.wait(lambda spans: len(spans) == 2)
        assert (there.metadata["authorization"], "can't be used" in capsys.readouterr().err) == ("first", True)
    ca.write_bytes(authorities[1].file.read_bytes())
    token.write_text("authorization: second")
    with collecting(credentials[1], port) as there:
        with traces.span("grade.publish", ONE):
            pass
        there.wait(lambda spans: len(spans) == 1)
        assert there.metadata["authorization"] == "second"
        traces.stop()
