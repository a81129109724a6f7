"""Echo and send: as an SCU to a storage server, ours or another."""

from __future__ import annotations

import ssl
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from wince.cli import usage
from wince.cli.common import Json, out, to_json
from wince.cli.peer import address, context
from wince.dicom import extra
from wince.dicom.scp import command
from wince.dicom.scp.peers import title
from wince.dicom.scu.association import Association
from wince.dicom.scu.client import DicomArchive, status_of, stored
from wince.dicom.scu.connection import Peer, Terms
from wince.dicom.scu.negotiation import CONTEXTS, Context
from wince.dicom.scu.parcel import Parcel, of_dataset, of_file, store
from wince.errors import ConfigError, DataError, Unavailable

TERMS = Terms("the server", "--calling", "--called", "--ca", "--cert")
SLOWEST = 100_000
"""An object may take as long as it does at this rate, bytes a second, beside the wait for its answer."""

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
    began = time.monotonic()
    (status,) = DicomArchive(_peer(to, called, calling, _secured(tls, ca, cert, key)), total_s=timeout).echo().statuses
    if status != 0:
        raise Unavailable(f"answers C-ECHO with {status:04X}", field=to, remedy="see the log there")
    out.print(f"{called} is there, {time.monotonic() - began:.2f} s")


def send(
    to: To,
    files: Annotated[list[Path], typer.Argument(metavar="FILE ...", help="DICOM objects; or a video, with --patient and --at.")],
    called: Called = "WINCE", calling: Calling = "WINCE", tls: Tls = False, ca: Ca = None, cert: Cert = None, key: Key = None,
    patient: Annotated[str, typer.Option("--patient", help="A video is wrapped first: patient id.")] = "",
    issuer: Annotated[str, typer.Option("--issuer", help="Issuer of that id.")] = "",
    born: Annotated[str, typer.Option("--born", help="Birth date, YYYY-MM-DD.")] = "",
    at: Annotated[str, typer.Option("--at", help="When the video begins: ISO 8601 with offset.")] = "",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer; a large object has longer (100 kB/s).")] = 60.0,
    json_: Json = False,
) -> None:  # fmt: skip
    """Send objects to a storage server (C-STORE) and print each status. A file that is no DICOM object is wrapped as Video Photographic.

    Exit code 0: all were taken. 3: one was refused. 6: the server can't be reached, or does not let us in.
    """
    extra.require()
    peer = _peer(to, called, calling, _secured(tls, ca, cert, key))
    parcels = [of_file(file) or _wrapped(file, patient, issuer, born, at) for file in files]
    wanted = list(dict.fromkeys((one.sop_class, one.syntax) for one in parcels))
    if len(wanted) > CONTEXTS:
        what = f"have more than {CONTEXTS} classes and transfer syntaxes"
        raise usage.UsageError(what, field="FILE", remedy="send them in several calls")
    refused = 0
    with Association(peer, [Context(sop, (syntax,)) for sop, syntax in wanted], total_s=timeout) as association:
        for file, one in zip(files, parcels, strict=True):
            if not association.takes(one.sop_class, one.syntax):
                raise Unavailable("does not take objects of this class and transfer syntax", field=to, remedy="see its conformance")
            data = one.data()
            association.renew(timeout + len(data) / SLOWEST)
            answer = store(association, one, data)
            status, comment = status_of(answer), command.text(answer, command.COMMENT)
            refused += not stored(status)
            if json_:
                print(to_json({"file": str(file), "instance": one.instance, "status": f"{status:04X}", "comment": comment}))
            else:
                out.print(f"{file.name}  {one.instance}  {status:04X}  {comment}".rstrip())
    if refused:
        raise typer.Exit(3)


def _peer(to: str, called: str, calling: str, tls: ssl.SSLContext | None) -> Peer:
    host, port = address(to, "HOST:PORT", "such as 127.0.0.1:11112")
    for text, option in ((called, "--called"), (calling, "--calling")):
        try:
            title(text, option)
        except ConfigError as error:
            raise usage.UsageError(error.message, field=error.field, remedy=error.remedy) from None
    return Peer(host, port, called, calling, tls, TERMS)


def _wrapped(file: Path, patient: str, issuer: str, born: str, at: str) -> Parcel:
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
    syntax = objects.SYNTAX_OF[codec]
    return of_dataset(objects.video(file, person, frames=frames, rate_hz=rate, size=size, syntax=syntax), syntax)


def _secured(tls: bool, ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    return context(ca, cert, key) if tls or ca or cert or key else None
