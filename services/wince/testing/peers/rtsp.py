"""GStreamer's RTSP server on 127.0.0.1 as a camera; in a process of its own, so that it can be killed and frozen.

Needs the system's python3 with python3-gi and gir1.2-gst-rtsp-server-1.0 (requirements/apt.txt).
"""

from __future__ import annotations

import signal
import subprocess
import threading
from fractions import Fraction
from pathlib import Path
from typing import IO, Self

import av
from av.video.frame import PictureType

from wince.errors import ResourceError

SCRIPT = Path(__file__).with_name("rtsp_server") / "serve.py"
PYTHON = "/usr/bin/python3"
"""The interpreter that Debian's GObject bindings belong to."""
MOUNT = "stream2"
"""Path that is served."""


def looped(clip: Path, to: Path, *, seconds: float, key_every: int = 10) -> Path:
    """`clip` as H.264 in mp4, played over and over for `seconds`, with a key picture every `key_every` pictures; returns `to`.

    It is encoded once and its packets are repeated. No pictures are reordered, as in cameras' low delay modes.
    """
    with av.open(clip) as source, av.open(to, "w", format="mp4") as sink:
        video = source.streams.video[0]
        rate = Fraction(video.average_rate or 10)
        out = sink.add_stream("libx264", rate=rate)
        out.width, out.height, out.pix_fmt = video.codec_context.width, video.codec_context.height, "yuv420p"
        out.gop_size = key_every
        out.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "28"}
        tick, packets = 1 / rate, []
        for number, frame in enumerate(source.decode(video)):
            plain = frame.reformat(format="yuv420p")
            plain.pts, plain.time_base, plain.pict_type = number, tick, PictureType.NONE
            packets += [(bytes(packet), packet.is_keyframe) for packet in out.encode(plain)]
        packets += [(bytes(packet), packet.is_keyframe) for packet in out.encode(None)]
        for number in range(int(seconds * rate)):
            data, key = packets[number % len(packets)]
            packet = av.Packet(data)
            packet.stream, packet.time_base, packet.is_keyframe = out, tick, key
            packet.pts = packet.dts = number
            packet.duration = 1
            sink.mux(packet)
    return to


class RtspPeer:
    """One camera. `port` 0: any free one; the same port after a restart: pass it."""

    def __init__(self, file: Path, *, user: str = "", password: str = "", port: int = 0, pem: Path | None = None) -> None:
        """file: mp4 with H.264 (see `looped`). user, password: asked for by digest; empty: nobody is asked. pem: certificate and key; then
        only TLS is spoken."""
        self._file, self._user, self._password, self.port, self._pem = Path(file), user, password, port, pem
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Without a login."""
        return f"rtsp{'s' if self._pem else ''}://127.0.0.1:{self.port}/{MOUNT}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, timeout_s: float = 60.0) -> None:
        """Start and wait until it listens. Raises ResourceError where it does not come up, or GStreamer is not there."""
        login = [self._user, self._password, *([str(self._pem)] if self._pem else [])]
        command = [PYTHON, str(SCRIPT), str(self._file), MOUNT, str(self.port), *login]
        try:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        except OSError:
            raise _absent("no /usr/bin/python3") from None
        said: list[str] = []
        ready = threading.Event()
        assert self._process.stdout is not None
        threading.Thread(target=_listen, args=(self._process.stdout, said, ready), daemon=True).start()
        if not ready.wait(timeout_s) or not said:
            process, self._process = self._process, None
            process.kill()
            raise _absent((process.communicate()[1].strip().splitlines() or ["no answer"])[-1])
        self.port = int(said[0])

    def freeze(self) -> None:
        """SIGSTOP: it lives, and says nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL. Idempotent; `start` again takes the same port."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)


def _listen(output: IO[str], said: list[str], ready: threading.Event) -> None:
    for line in output:
        if line.startswith("READY "):
            said.append(line.split()[1])
            ready.set()
    ready.set()


def _absent(reason: str) -> ResourceError:
    return ResourceError(
        f"GStreamer's RTSP server did not come up: {reason}",
        field="rtsp peer",
        remedy="apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad",
    )
