"""Orthanc as a peer: a real archive with C-STORE, storage commitment and DICOMweb. From apt: orthanc, orthanc-dicomweb."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from wince.errors import ResourceError
from wince.local.ports import free_ports

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
TITLE = "ORTHANC"
USER, PASSWORD = "wince", "secret"
_UP_S = 60.0


@dataclass
class Orthanc:
    """A server in a folder of its own, on 127.0.0.1. A context manager."""

    folder: Path
    modalities: Mapping[str, Any] = field(default_factory=dict)
    """DicomModalities: who it calls, such as {"wince": ["WINCE_SR", "127.0.0.1", 11113]}."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further options of its configuration."""

    def __enter__(self) -> Self:
        program = shutil.which("Orthanc")
        if program is None or not PLUGIN.is_file():
            raise ResourceError("is not installed", field="Orthanc", remedy="apt-get install orthanc orthanc-dicomweb")
        self.dicom_port, self.http_port = free_ports(2)
        self.folder.mkdir(parents=True, exist_ok=True)
        said: dict[str, Any] = {
            "Name": "Test", "StorageDirectory": str(self.folder / "store"), "IndexDirectory": str(self.folder / "store"),
            "DicomAet": TITLE, "DicomPort": self.dicom_port, "DicomCheckCalledAet": True, "DicomAlwaysAllowStore": True,
            "DicomModalities": dict(self.modalities), "HttpPort": self.http_port, "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True, "RegisteredUsers": {USER: PASSWORD}, "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}, "OverwriteInstances": False,
        }  # fmt: skip
        (self.folder / "orthanc.json").write_text(json.dumps(said | dict(self.options)))
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, str(self.folder / "orthanc.json")], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def web(self) -> str:
        """Base of its DICOMweb."""
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    def ask(self, path: str, body: bytes | None = None) -> Any:
        """What its REST API answers to a GET, or a POST of a body."""
        return json.loads(self.raw(path, body))

    def raw(self, path: str, body: bytes | None = None) -> bytes:
        """The same, as bytes."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data=body)
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
        return content

    def instances(self) -> dict[str, str]:
        """SOP Instance UID -> Orthanc's id, of all that it holds."""
        return {one["MainDicomTags"]["SOPInstanceUID"]: one["ID"] for one in self.ask("/instances?expand")}

    def file(self, sop: str) -> bytes:
        """An object as it holds it (PS3.10)."""
        return self.raw(f"/instances/{self.instances()[sop]}/file")

    def _wait(self) -> None:
        until = time.monotonic() + _UP_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                self.ask("/system")
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self._process.kill()
        self._process.wait()
        raise ResourceError(f"did not come up: {(self.folder / 'log').read_text()[-800:]}", field="Orthanc")
