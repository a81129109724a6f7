"""The cameras that are watched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from wince.errors import ConfigError
from wince.pipeline.capture.address import check
from wince.pipeline.capture.trust import Trust
from wince.settings.part import Part

EXAMPLES: list[Any] = [
    {
        "id": "icu-101-a",
        "bed": "ICU^101^A",
        "url": "rtsps://camera-7.example/stream2",
        "transport": "tcp",
        "login_file": "/etc/wince/camera-7.login",
        "ca_file": "/etc/wince/hospital-ca.pem",
        "certificate_name": "camera-7",
        "since": "2026-11-21T14:00:00Z",
        "region": [0.25, 0.0, 0.75, 1.0],
        "rotation": 180,
    },
    {"id": "icu-101-b", "bed": "ICU^101^B", "url": "https://10.0.7.2/ts", "login_env": "CAMERA_8", "unchecked_certificate": True},
    {"id": "icu-102-a", "bed": "ICU^102^A", "push": True},
    {"id": "rehearsal", "bed": "ICU^102^B", "path": "/var/lib/wince/rehearsal.mp4"},
]
"""Cameras of every kind, for the reference and the example file."""


class Camera(BaseModel):
    """One camera of the list `[[cameras]]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": EXAMPLES})

    id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    """Names the camera, and the source of everything that it gives. Letters, digits, dot, underscore, hyphen."""
    bed: str = Field(min_length=1, max_length=64)
    """The hospital's bed as in PV1-3: POINTOFCARE^ROOM^BED. Of a facility that is not listed in `facilities`: ^FACILITY behind it."""
    url: str = ""
    """Address of a network camera: rtsp, rtsps, or MPEG-TS over udp, tcp, http, https; without user name and password. Each camera has one
    of url, path and push."""
    path: Path | None = None
    """Video file that is played as if it were the camera."""
    push: bool = False
    """Its pictures are pushed over gRPC (`wince push`)."""
    transport: Literal["tcp", "udp"] = "tcp"
    """How an RTSP camera sends. tcp gets through firewalls and loses nothing; udp where the camera has no tcp."""
    login_file: Path | None = None
    """File of one line, user:password, for url. It is read again at each attempt to connect."""
    login_env: str = Field(default="", max_length=128)
    """Instead of login_file: name of the environment variable that holds user:password."""
    ca_file: Path | None = None
    """For rtsps and https: authorities of the camera's certificate, or that certificate itself (PEM). Not set: the system's
    authorities."""
    certificate_name: str = Field(default="", max_length=253)
    """Name in the camera's certificate, where it isn't the host of the address."""
    unchecked_certificate: bool = False
    """Believe any certificate. Nothing then proves that it is this camera, and any server that answers is told its login."""
    since: AwareDatetime | None = None
    """When the camera came to this bed, with an offset, such as 2026-11-21T14:00:00Z. Not set: when this entry is first seen."""
    region: tuple[float, float, float, float] | None = None
    """The bed's region in the picture: x0, y0, x1, y1 as shares of width and height, 0 to 1, from the top left corner. Not set: the whole
    picture."""
    rotation: Literal[0, 90, 180, 270] = 0
    """Degrees clockwise that turn the picture upright."""

    @field_validator("bed")
    @classmethod
    def _bed(cls, value: str) -> str:
        if not re.fullmatch(r"[^\s^|~\\&][^^|~\\&]*(\^[^^|~\\&]*){2}(\^[^\s^|~\\&][^^|~\\&]*)?", value):
            raise ValueError("must be POINTOFCARE^ROOM^BED[^FACILITY] as in PV1-3, such as ICU^101^A, without | ~ \\ &")
        return value

    @field_validator("region")
    @classmethod
    def _region(cls, value: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
        if value is not None and not (0 <= value[0] < value[2] <= 1 and 0 <= value[1] < value[3] <= 1):
            raise ValueError("needs 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1")
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> Camera:
        if sum((self.path is not None, bool(self.url), self.push)) != 1:
            raise ValueError("needs exactly one of path, url and push")
        if self.url:
            check(self.url, f"cameras.{self.id}.url")
        self.trust.check(self.url, f"cameras.{self.id}.url")
        if (self.login_file or self.login_env) and not self.url:
            raise ValueError("a login is for url only")
        if self.login_file and self.login_env:
            raise ValueError("needs login_file or login_env, not both")
        if self.push and self.rotation:
            raise ValueError("who pushes turns the pictures: `wince push --rotation`")
        return self

    @property
    def trust(self) -> Trust:
        """How the camera's certificate is checked."""
        return Trust(self.ca_file, self.certificate_name, self.unchecked_certificate)

    @property
    def clip(self) -> Path:
        """The file that is played. Raises ConfigError where the camera is no file."""
        if self.path is None:
            remedy = "live cameras are read by `wince serve capture`"
            raise ConfigError("is a live camera, not a file", field=f"cameras.{self.id}", remedy=remedy)
        return self.path


class Cameras(Part):
    """Cameras

    Which camera watches which bed.
    """

    cameras: tuple[Camera, ...] = ()
    """The cameras, each in a table `[[cameras]]` of the TOML file, which may change while Wince runs. Empty: `wince run` plays bundled
    clips."""

    @field_validator("cameras")
    @classmethod
    def _distinct(cls, value: tuple[Camera, ...]) -> tuple[Camera, ...]:
        ids = [camera.id for camera in value]
        if len(ids) != len(set(ids)):
            raise ValueError("camera ids must be distinct")
        return value
