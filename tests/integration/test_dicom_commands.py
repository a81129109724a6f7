"""`wince dicom echo` and `send` against servers that let them in, and that don't (pynetdicom)."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AE, evt
from typer.testing import CliRunner

from tests.integration.imaging_world import person, shown
from tests.integration.test_services_memory import free_port
from tests.support.certificates import Authority
from wince.cli.main import build
from wince.dicom.scp.tables import EXPLICIT, VERIFICATION
from wince.errors import WinceError
from wince.testing import clips
from wince.testing.dicom import objects

APP = build(["dicom"])
VIDEO = ("--patient", "100001", "--at", "2026-01-05T08:00:00+01:00")


def wince(*arguments: object) -> tuple[int, str]:
    """(exit code, what it printed)."""
    done = CliRunner().invoke(APP, ["dicom", *map(str, arguments)])
    if isinstance(done.exception, WinceError):
        return done.exception.exit_code, f"{done.output}{done.exception.message} {done.exception.remedy}"
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@contextmanager
def pacs(classes: dict[str, list[str]], status: int = 0, **more: object) -> Iterator[tuple[str, list[tuple[bytes, str]]]]:
    """A pynetdicom storage server that takes these classes: its address, and what it was sent."""
    got: list[tuple[bytes, str]] = []

    def take(event: evt.Event) -> int:
        got.append((event.request.DataSet.getvalue(), event.context.transfer_syntax))
        return status

    entity, port = AE("PACS"), free_port()
    entity.require_called_aet = True
    entity.add_supported_context(VERIFICATION)
    for sop_class, syntaxes in classes.items():
        entity.add_supported_context(sop_class, syntaxes)
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, take)], **more)
    try:
        yield f"127.0.0.1:{port}", got
    finally:
        server.shutdown()


def test_echo_says_whether_a_server_lets_us_in_and_what_to_do():
    with pacs({}) as (to, _):
        assert wince("echo", to, "--called", "PACS")[0] == 0
        code, said = wince("echo", to, "--called", "OTHER")
        assert code == 6
        assert "the server rejects" in said
        assert "--called" in said
    assert wince("echo", to)[0] == 6
    assert wince("echo", to, "--called", "far too long a title")[0] == 2


def test_a_file_is_sent_byte_for_byte_in_its_own_transfer_syntax(tmp_path):
    whole = objects.pictures(shown(), person())
    file, video = objects.write(whole, tmp_path / "p.dcm"), clips.clip("bed2")
    classes = {str(whole.SOPClassUID): [str(whole.file_meta.TransferSyntaxUID)], objects.VIDEO_PHOTOGRAPHIC: [*objects.SYNTAX_OF.values()]}
    with pacs(classes) as (to, got):
        code, said = wince("send", to, file, video, "--called", "PACS", *VIDEO, "--json")
    assert code == 0, said
    assert [json.loads(line)["status"] for line in said.splitlines()] == ["0000", "0000"]
    (sent, syntax), (wrapped, _) = got
    assert syntax == whole.file_meta.TransferSyntaxUID
    content = file.read_bytes()
    assert content.endswith(sent)
    assert len(content) - len(sent) == 132 + 12 + dcmread(file, stop_before_pixels=True).file_meta.FileMetaInformationGroupLength
    assert Path(video).read_bytes() in wrapped


def test_what_is_refused_and_what_is_not_taken_have_their_exit_codes(tmp_path):
    made = objects.pictures(shown(), person())
    file = objects.write(made, tmp_path / "p.dcm")
    with pacs({str(made.SOPClassUID): [str(made.file_meta.TransferSyntaxUID)]}, status=0xA700) as (to, _):
        code, said = wince("send", to, file, "--called", "PACS")
        assert (code, "A700" in said) == (3, True)
    with pacs({VERIFICATION: [EXPLICIT]}) as (to, got):
        assert wince("send", to, file, "--called", "PACS")[0] == 6
        assert not got
    (tmp_path / "spoilt.dcm").write_bytes(bytes(128) + b"DICM" + bytes(50))
    assert wince("send", "127.0.0.1:1", tmp_path / "spoilt.dcm")[0] == 3


@pytest.mark.parametrize("known", [True, False], ids=["known", "stranger"])
def test_over_tls_only_who_is_believed_gets_in(tmp_path, known):
    authority = Authority(tmp_path)
    theirs = authority.issue("127.0.0.1", "127.0.0.1")
    ours = (authority if known else Authority(tmp_path, "stranger")).issue("cart")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*theirs)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    with pacs({}, ssl_context=context) as (to, _):
        tried = wince("echo", to, "--called", "PACS", "--ca", authority.file, "--cert", ours[0], "--key", ours[1])
        assert tried[0] == (0 if known else 6), tried[1]
        assert wince("echo", to, "--called", "PACS", "--tls")[0] == 6
