"""A storage server to try with: what it takes it writes into a folder, and nothing else comes of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from wince.cli.common import Json, out, to_json
from wince.dicom import extra
from wince.dicom.scp.interface import Received
from wince.dicom.scp.limits import Limits
from wince.dicom.scp.tables import Status
from wince.errors import ResourceError
from wince.local.stopping import Stopped


class FolderKeeper:
    """Keeps objects as UID.dcm (port `wince.dicom.scp.interface.Keeper`)."""

    def __init__(self, folder: Path, *, json_: bool) -> None:
        self._folder, self._json = folder, json_
        self._lock = threading.Lock()
        self.count = 0

    def keep(self, received: Received) -> Status:
        """Move it there."""
        target = self._folder / f"{received.instance}.dcm"
        received.path.replace(target)
        with self._lock:
            self.count += 1
            if self._json:
                print(to_json({"instance": received.instance, "bytes": received.bytes, "sender": received.sender}), flush=True)
            else:
                out.print(f"{target}  {received.bytes} bytes from {received.sender}")
        return Status.SUCCESS

    def kept(self, references: Sequence[tuple[str, str]]) -> list[bool]:
        """Whether the files are there."""
        return [(self._folder / f"{instance}.dcm").exists() for _, instance in references]


def listen(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where objects are written to.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0: any free one.")] = 11112,
    title: Annotated[str, typer.Option(help="AE title.")] = "WINCE",
    count: Annotated[int, typer.Option(min=0, help="End after so many objects; 0: until it is stopped.")] = 0,
    max_bytes: Annotated[int, typer.Option(min=1024, help="Largest object.")] = 1 << 30,
    json_: Json = False,
) -> None:
    """Listen on this machine for C-ECHO and C-STORE and write what comes into FOLDER: to try a cart or archive, without grading.

    To grade what comes, set `dicom_port` and run `wince serve imaging` or `wince up`.
    """
    extra.require()
    from wince.dicom.scp.server import StorageServer
    from wince.dicom.spool import Room

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(error.strerror or "can't be made", field=folder, remedy="name a folder that you may write") from None
    keeper = FolderKeeper(folder, json_=json_)
    room = Room(folder, max_bytes, 64 << 20)
    with suppress(Stopped), StorageServer(keeper, room, title=title, port=port, limits=Limits(object_bytes=max_bytes)) as server:
        if json_:
            print(to_json({"port": server.port, "title": title}), flush=True)
        else:
            out.print(f"{title} listens on 127.0.0.1:{server.port}; Ctrl-C ends it")
        waiting = threading.Event()
        while (not count or keeper.count < count) and server.failed() is None:
            waiting.wait(0.1)
