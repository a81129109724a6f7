"""Echo and send: as an SCU to a storage server, ours or another."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from wince.cli import usage
from wince.cli.common import Json, out, to_json
from wince.dicom import extra
from wince.errors import DataError, Unavailable

To = Annotated[str, typer.Argument(metavar="HOST:PORT", help="The storage server.")]
Called = Annotated[str, typer.Option("--called", help="Its AE title.")]
Calling = Annotated[str, typer.Option("--calling", help="Our AE title.")]
Tls = Annotated[bool, typer.Option("--tls", help="Speak TLS; implied by the next options.")]
Ca = Annotated[Path | None, typer.Option("--ca", help="Authority (PEM) of its certificate; else the system's.")]
Cert = Annotated[Path | None, typer.Option("--cert", help="Our certificate (PEM), where it wants one.")]
Key = Annotated[Path | None, typer.Option("--key", help="Its private key (PEM); else it stands in --cert.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")]


def echo(
    to: To, called: Called = "WINCE", calling: Calling = "WINCE", tls: Tls = False, ca: Ca = None, cert: Cert = None, key: Key = None,
    timeout: Timeout = 30.0,
) -> None:  # fmt: skip
    """Ask a storage server whether it is there (C-ECHO). Exit code 0: it is; 6: it can't be reached, or does not let us in."""
    from wince.dicom.scp.tables import EXPLICIT, IMPLICIT, VERIFICATION

    context = _context(ca, cert, key) if tls or ca or cert or key else None
    began = time.monotonic()
    with _associated(to, called, calling, context, timeout, [(VERIFICATION, [EXPLICIT, IMPLICIT])]) as association:
        status = association.send_c_echo().get("Status")
    if status != 0:
        raise Unavailable("no answer to C-ECHO", field=to, remedy="see the log there")
    out.print(f"{called} is there, {time.monotonic() - began:.2f} s")


def send(
    to: To,
    files: Annotated[list[Path], typer.Argument(metavar="FILE ...", help="DICOM objects; or a video, with --patient and --at.")],
    called: Called = "WINCE", calling: Calling = "WINCE", tls: Tls = False, ca: Ca = None, cert: Cert = None, key: Key = None,
    patient: Annotated[str, typer.Option("--patient", help="A video is wrapped first: patient id.")] = "",
    issuer: Annotated[str, typer.Option("--issuer", help="Issuer of that id.")] = "",
    born: Annotated[str, typer.Option("--born", help="Birth date, YYYY-MM-DD.")] = "",
    at: Annotated[str, typer.Option("--at", help="When the video begins: ISO 8601 with offset.")] = "",
    timeout: Timeout = 60.0,
    json_: Json = False,
) -> None:  # fmt: skip
    """Send objects to a storage server (C-STORE) and print each status. A file that is no DICOM object is wrapped as Video Photographic.

    Exit code 0: all were taken. 3: one was refused. 6: the server can't be reached, or does not let us in.
    """
    extra.require()
    objects = [_object(file, patient, issuer, born, at) for file in files]
    wanted = list(dict.fromkeys((str(one.SOPClassUID), str(one.file_meta.TransferSyntaxUID)) for one in objects))
    context = _context(ca, cert, key) if tls or ca or cert or key else None
    refused = 0
    with _associated(to, called, calling, context, timeout, [(sop, [syntax]) for sop, syntax in wanted]) as association:
        for file, one in zip(files, objects, strict=True):
            try:
                answer = association.send_c_store(one)
            except ValueError:
                raise Unavailable(
                    "does not take objects of this class and transfer syntax", field=to, remedy="see its conformance"
                ) from None
            status = answer.get("Status")
            if status is None:
                raise Unavailable("gave no answer", field=to, remedy="send again: what it has is known to it")
            taken = status == 0 or status & 0xF000 == 0xB000
            refused += not taken
            comment = str(answer.get("ErrorComment", ""))
            if json_:
                print(to_json({"file": str(file), "instance": str(one.SOPInstanceUID), "status": f"{status:04X}", "comment": comment}))
            else:
                out.print(f"{file.name}  {one.SOPInstanceUID}  {status:04X}  {comment}".rstrip())
    if refused:
        raise typer.Exit(3)


@contextmanager
def _associated(
    to: str, called: str, calling: str, tls: ssl.SSLContext | None, timeout: float, contexts: list[tuple[str, list[str]]]
) -> Iterator[Any]:
    extra.require()
    from pynetdicom import AE

    host, port = _address(to)
    entity = AE(ae_title=calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = timeout
    for abstract, syntaxes in contexts:
        entity.add_requested_context(abstract, syntaxes)
    association = entity.associate(host, port, ae_title=called, tls_args=None if tls is None else (tls, host), max_pdu=0)
    if not association.is_established:
        what = "rejects us" if association.is_rejected else "can't be reached"
        remedy = "are both AE titles known there, and is it TLS on both sides?" if association.is_rejected else "does it listen there?"
        raise Unavailable(what, field=to, remedy=remedy)
    try:
        yield association
    finally:
        association.release()


def _object(file: Path, patient: str, issuer: str, born: str, at: str) -> Any:
    from pydicom import dcmread

    try:
        with file.open("rb") as stream:
            head = stream.read(132)
        if head[128:] == b"DICM":
            return dcmread(file)
    except OSError as error:
        raise DataError(error.strerror or "can't be read", field=file, remedy="name a readable file") from None
    except Exception:
        raise DataError("is no DICOM object that can be read", field=file, remedy="check it with dcmdump") from None
    return _wrapped(file, patient, issuer, born, at)


def _wrapped(file: Path, patient: str, issuer: str, born: str, at: str) -> Any:
    from wince.pipeline.capture.media import MediaLimits, open_video
    from wince.testing.dicom import objects

    if not patient or not at:
        raise usage.UsageError("a video needs its patient and its time", field=f"FILE={file.name}", remedy="give --patient and --at")
    try:
        begins = datetime.fromisoformat(at)
    except ValueError:
        begins = None
    if begins is None or begins.tzinfo is None:
        raise usage.UsageError("needs an ISO 8601 time with offset", field=f"--at={at}", remedy="such as 2026-01-05T08:00:00+01:00")
    video = open_video(file, MediaLimits())
    with video.container:
        frames = sum(1 for packet in video.container.demux(video.stream) if packet.size)
        codec, size = video.stream.codec_context.name, (video.stream.codec_context.width, video.stream.codec_context.height)
        rate = float(video.stream.average_rate or 10)
    if codec not in objects.SYNTAX_OF:
        raise DataError(f"holds {codec}, which DICOM has no video transfer syntax for", field=file, remedy="encode it as H.264")
    person = objects.Person(
        number=patient, issuer=issuer, name="", born=born.replace("-", ""), at=begins.replace(tzinfo=None), offset=begins.strftime("%z"),
        accession="",
    )  # fmt: skip
    return objects.video(file, person, frames=frames, rate_hz=rate, size=size, syntax=objects.SYNTAX_OF[codec])


def _address(to: str) -> tuple[str, int]:
    host, _, port = to.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise usage.UsageError("is no address", field=f"HOST:PORT={to}", remedy="such as 127.0.0.1:11112")
    return host.strip("[]"), int(port)


def _context(ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    try:
        made = ssl.create_default_context(cafile=str(ca) if ca is not None else None)
        if cert is not None:
            made.load_cert_chain(cert, key)
        elif key is not None:
            raise usage.UsageError("a key without its certificate", field="--key", remedy="give --cert too")
    except (OSError, ssl.SSLError) as error:
        raise usage.UsageError(f"can't be used ({type(error).__name__})", field="--ca", remedy="give readable PEM files") from None
    return made
