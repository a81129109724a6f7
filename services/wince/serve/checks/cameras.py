"""Each camera: one picture within some seconds, all at the same time."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from queue import Empty, Queue

from wince.domain.frame import Beat, Frame
from wince.errors import WinceError
from wince.pipeline.capture.live import LiveSource
from wince.serve.camera_list import plan
from wince.serve.checks.finding import Finding, failed, missing, ok
from wince.settings import Camera, Settings

WAIT_S = 15.0
"""For the first picture: a camera sends a key picture every few seconds."""
RATE_HZ = 5.0

REMEDIES = {
    "unreachable": "nobody answers at that address and port: is the camera on, is the network open?",
    "timeout": "it took the connection and said nothing: is the port right, does a firewall drop what comes back?",
    "login": "is user:password in login_file right? Wince asked once; cameras lock accounts after some attempts",
    "certificate": "name its authority in ca_file, or its name in certificate_name",
    "not_found": "the camera knows no such path: compare the address with its manual",
    "not_video": "what came is no H.264 or H.265 video: choose another stream of the camera",
    "ended": "the camera ended the stream: does it take one client more? Is another Wince reading it?",
}
"""What to do about why a connection failed."""


def check(settings: Settings) -> Iterator[Finding]:
    """Every camera of the list; nothing where there is none. Where no decoder is installed, in the image of a service that reads no camera,
    they are not tried."""
    if settings.cameras and importlib.util.find_spec("av") is None:
        yield ok("cameras", "not tried: PyAV is not installed here, so capture is not either; ask where it runs")
        return
    answers: Queue[Finding] = Queue()
    for camera in settings.cameras:
        threading.Thread(target=_ask, args=(camera, answers), name=f"check-{camera.id}", daemon=True).start()
    found: list[Finding] = []
    try:
        while len(found) < len(settings.cameras):
            found.append(answers.get(timeout=WAIT_S + 5))
    except Empty:  # those that neither answer nor give up
        silent = {f"camera {camera.id}" for camera in settings.cameras} - {finding.what for finding in found}
        found += [missing(what, f"no picture within {WAIT_S:g} s", REMEDIES["timeout"]) for what in silent]
    order = [f"camera {camera.id}" for camera in settings.cameras]
    yield from sorted(found, key=lambda finding: order.index(finding.what))


def _ask(camera: Camera, answers: Queue[Finding]) -> None:
    what = f"camera {camera.id}"
    try:
        answers.put(ok(what, "waits for `wince push`") if camera.push else _look(what, camera))
    except WinceError as error:
        answers.put(failed(what, error))
    except Exception as error:
        answers.put(missing(what, f"could not be looked at ({type(error).__name__})", "report this as a fault of Wince"))


def _look(what: str, camera: Camera) -> Finding:
    from wince.serve.camera_opening import opener  # brings the decoders

    source = opener(RATE_HZ)(plan(camera), lambda: True)
    gone = threading.Timer(WAIT_S, source.close)
    gone.daemon = True
    gone.start()
    try:
        for message in source:
            if isinstance(message, Frame):
                height, width = message.pixels.shape[:2]
                return ok(what, f"a picture of {width} x {height}")
            if isinstance(source, LiveSource) and source.counters.failure:
                kind = source.counters.failure
                return missing(what, kind.replace("_", " "), REMEDIES.get(kind, "try the address with a player, such as ffplay"))
            if isinstance(message, Beat) and message.ended:
                break
    finally:
        gone.cancel()
        source.close()
    return missing(what, f"no picture within {WAIT_S:g} s", REMEDIES["timeout"])
