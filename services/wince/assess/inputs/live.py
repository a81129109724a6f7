"""A network camera as an input: some seconds of it, from its first picture on. The address follows the rules of the camera list: it
holds no login, which comes from a file; what follows a `?` in it is never shown."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from wince.clock import wall_us
from wince.domain.frame import US, Beat, Frame
from wince.errors import ConfigError, MediaError
from wince.pipeline.capture import address
from wince.pipeline.capture.rtsp import StreamSource
from wince.pipeline.capture.trust import Trust

LONGEST_S = 86_400
FIRST_S = 20.0
"""How long the first picture may take: to connect (10 s at most), and for the camera's next key picture."""
_FAILURES = {
    "login": "the camera refused the login, or there is none: give --login-file with one line, user:password",
    "certificate": "its certificate is not believed: give its authority with --camera-ca",
    "not_found": "the camera knows no such path: check the address",
    "not_video": "what it sends is no video that can be decoded: check the address",
    "stalled": "it sends data, but no whole picture: check the camera and the network",
    "ended": "it ends the stream at once: check the camera",
}
_AT_ONCE = ("login", "certificate", "not_found")
"""What waiting doesn't mend."""
_UNREACHABLE = "nobody answers there in time: check the address, the network and that the camera is on"


@dataclass(frozen=True, slots=True)
class Live:
    """What is said of the cameras of one call."""

    seconds: int
    """How long each is looked at."""
    login: address.Login = field(default_factory=address.Login)
    trust: Trust = field(default_factory=Trust)


def live(
    seconds: float | None, login_file: Path | None = None, ca_file: Path | None = None, name: str = "", *, addresses: tuple[str, ...]
) -> Live | None:
    """What options say of these network addresses; None where there are none. Raises ConfigError, naming the option."""
    given = {"--seconds": seconds is not None, "--login-file": login_file is not None, "--camera-ca": ca_file is not None}
    if not addresses:
        for option in (option for option, there in (given | {"--camera-name": bool(name)}).items() if there):
            raise ConfigError("is of a network camera, and none is named", field=option, remedy="leave it out, or name an rtsp:// address")
        return None
    if seconds is None:
        raise ConfigError("says how long a camera is looked at, and is missing", field="--seconds", remedy="such as --seconds 30")
    if not 1 <= seconds <= LONGEST_S or seconds != int(seconds):
        raise ConfigError(f"must be a whole number from 1 to {LONGEST_S}", field="--seconds", remedy="such as --seconds 30")
    found = Live(int(seconds), address.Login(login_file), Trust(ca_file, name))
    for one in addresses:
        try:
            address.check(one, "PATH")
            found.trust.check(one, "--camera-ca")
            found.login.read("PATH")
        except ConfigError as error:
            remedy = error.remedy.replace("login_file", "--login-file")
            where = "--login-file" if ".login_file" in error.field else error.field
            raise ConfigError(error.message, field=where, remedy=remedy) from None
    return found


def is_address(path: str) -> bool:
    """Whether an argument names a network camera, and no file."""
    return "://" in path


def label(uri: str) -> Path:
    """An address as the name of an input: host, port and path; nothing that could be a secret.

    >>> str(label("rtsp://camera-7.example:8554/bed/stream2?token=x"))
    'camera-7.example-8554-bed-stream2'
    """
    parts = urlsplit(uri)
    port = "" if parts.port is None else f"-{parts.port}"
    return Path(re.sub(r"[^A-Za-z0-9._-]+", "-", f"{parts.hostname}{port}{parts.path}").strip("-."))


def identity(uri: str) -> str:
    """sha256 (hex) of the address and this moment: what a camera shows now, it never shows again."""
    return hashlib.sha256(f"{uri}|{wall_us()}".encode()).hexdigest()


class LiveClip:
    """`seconds` of a camera on media time from 0 (port `wince.pipeline.capture.interface.Source`).

    Media time 0 is the first whole second after the first picture. A camera that is lost on the way is connected again, and the seconds
    without a picture say so. Raises MediaError, naming what failed, where no picture comes at all.
    """

    def __init__(
        self, uri: str, source: str, asked: Live, *, rate_hz: float, rotation: int, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """`asked`: checked by `live`."""
        self.source, self.end_us = source, asked.seconds * US
        self._shown, self._now_s = label(uri), now_s
        self._began_s = now_s()
        self._stream = StreamSource(
            source, uri, rate_hz=rate_hz, rotation=rotation, login=asked.login, trust=asked.trust, clock=self._clock
        )
        self._where = "{0.scheme}://{0.netloc}{0.path}".format(urlsplit(uri))
        self._begun = datetime.now(UTC)

    def close(self) -> None:
        """See Source.close."""
        self._stream.close()

    def notes(self) -> tuple[str, ...]:
        """What a reader must know of it, when it is over."""
        lost = {str(kind): count for kind, count in self._stream.counters.failures.items() if count}
        said = [f"live: {self.end_us // US} s of {self._where}, from {self._begun:%Y-%m-%d %H:%M:%S} UTC; it can't be looked at again"]
        if lost:
            said.append("the camera was lost and connected again: " + ", ".join(f"{kind} x{count}" for kind, count in lost.items()))
        return tuple(said)

    def __iter__(self) -> Iterator[Frame | Beat]:
        """Frames and beats in order of time; can be iterated once."""
        origin_us: int | None = None
        first = 0
        pictures = False
        for message in self._stream:
            if origin_us is None:
                pictures = pictures or isinstance(message, Frame)
                if isinstance(message, Beat) and pictures:
                    origin_us, first = message.time_us, -1
                    self._begun = datetime.now(UTC)
                elif not pictures and (self._late() or self._stream.counters.failure in _AT_ONCE):
                    raise self._nothing()
                continue
            time_us = message.time_us - origin_us
            if isinstance(message, Beat):
                ended = time_us >= self.end_us
                yield replace(message, time_us=min(time_us, self.end_us), ended=ended)
                if ended:
                    self._stream.close()
                    return
            elif time_us < self.end_us:
                first = message.sequence if first < 0 else first
                yield replace(message, time_us=time_us, sequence=message.sequence - first)

    def _clock(self) -> int:
        return round((self._now_s() - self._began_s) * US)

    def _late(self) -> bool:
        return self._now_s() - self._began_s > FIRST_S

    def _nothing(self) -> MediaError:
        why = _FAILURES.get(self._stream.counters.failure, _UNREACHABLE)
        what, _, remedy = why.partition(": ")
        return MediaError(f"no picture came: {what}", field=self._shown, remedy=remedy)
