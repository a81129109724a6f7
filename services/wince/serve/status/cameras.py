"""The cameras: what each is doing, when its last frame came, and why none comes; by capture's own word."""

from __future__ import annotations

from wince.clients.cameras import CamerasClient
from wince.domain.camera import CameraState, CameraStatus
from wince.errors import WinceError
from wince.pipeline.capture.live import FROZEN
from wince.serve.status.interface import Figures, Look, Row, State

ANSWER_S = 2.0
LATE_S = 10.0
"""A camera that runs and gave nothing for longer is looked at."""
REMEDIES = {
    "unreachable": "is it on, and is its address right? ping it from this machine",
    "timeout": "is the network to it slow or cut?",
    "login": "correct the user name and password of its login_file or login_env",
    "certificate": "correct ca_file or certificate_name, or renew the camera's certificate",
    "not_found": "correct the path in its url: the camera knows no such stream",
    "not_video": "set the camera to H.264 or H.265",
    "stalled": "restart the camera: it sends data and no whole picture",
    "ended": "the camera ends its streams: is another client taking them?",
    FROZEN: "restart the camera, or what sends its pictures: the same one has come for more than 10 s",
}
"""By kind of failure (wince.pipeline.capture.rtsp.Failure), and of a picture that stands still."""


def cameras(look: Look) -> list[Row]:
    """One row for each camera that a replica of capture knows, by its word; else what the leases say."""
    if not look.services.get("capture"):
        return _leases(look)
    found, trouble = listed(look)
    rows = [_row(status, complete=trouble is None) for _, status in sorted(found.items())]
    if trouble is not None:
        rows.append(Row("cameras", "capture", State.UNKNOWN, reason=f"capture does not say: {trouble.message}", remedy=trouble.remedy))
    return rows


def listed(look: Look) -> tuple[dict[str, CameraStatus], WinceError | None]:
    """The cameras by source, as the replica says that reads them, and why one of the replicas said nothing."""
    addresses = look.services.get("capture", ())
    found: dict[str, CameraStatus] = {}
    trouble: WinceError | None = None
    for address in addresses:
        try:
            with CamerasClient([address], look.settings.rpc, deadline_s=ANSWER_S / len(addresses)) as capture:
                listed = capture.cameras()
        except WinceError as error:
            trouble = error
            continue
        for status in listed:
            known = found.get(status.spec.source)
            if known is None or known.state is CameraState.ELSEWHERE:
                found[status.spec.source] = status
    return found, trouble


def _row(status: CameraStatus, *, complete: bool) -> Row:
    activity, source = status.activity, status.spec.source
    age_s = None if activity.last_frame_age_us is None else activity.last_frame_age_us / 1e6
    figures: Figures = {"frames": activity.frames, "frames_per_second": round(activity.rate_hz, 2), "last_frame_age_s": age_s}
    state, said, reason, remedy = _judged(status, age_s, complete=complete)
    figures |= {"state": status.state.value, "no_frame": activity.reason.value if activity.reason else "", "failure": activity.failure}
    return Row("cameras", source, state, said, age_s, reason, remedy, figures)


def _judged(status: CameraStatus, age_s: float | None, *, complete: bool) -> tuple[State, str, str, str]:
    """State, what it does, why not, what to do."""
    activity, pushed = status.activity, not status.spec.uri
    failure = activity.failure
    match status.state:
        case CameraState.RUNNING if failure == FROZEN:
            return State.BAD, "its picture stands still", failure, REMEDIES[failure]
        case CameraState.RUNNING if age_s is not None and age_s > LATE_S:
            return State.WARNING, "runs", activity.reason.value if activity.reason else "no frame came", "look at the camera's network"
        case CameraState.RUNNING:
            return State.OK, f"{activity.rate_hz:.1f} frames a second", "", ""
        case CameraState.CONNECTING if failure:
            return State.BAD, "is tried again", failure, REMEDIES.get(failure, "look at capture's log")
        case CameraState.CONNECTING:
            return State.WARNING, "is being connected to", "no picture yet", "ask again"
        case CameraState.STALLED if pushed:
            return State.WARNING, "nobody pushes it", "no_frame", f"`wince push PATH --camera {status.spec.source} --to HOST:PORT`"
        case CameraState.STALLED:
            return State.BAD, "is tried again", failure or "stalled", REMEDIES["stalled"]
        case CameraState.STOPPED if "://" not in status.spec.uri and not pushed:
            return State.OK, "its file is played to the end", "", ""
        case CameraState.STOPPED:
            return State.WARNING, "stopped", "somebody stopped it", "start it again: StartCamera, or restart capture"
    if complete:
        return State.BAD, "is not read", "no replica of capture that was asked reads it", "is another replica missing?"
    return State.UNKNOWN, "another replica's", "that replica does not answer", ""


def _leases(look: Look) -> list[Row]:
    """Without capture's address: who reads what is known, not what comes of it."""
    with look.transaction() as tx:
        found = tx.execute(
            "SELECT source, until > now(), extract(epoch FROM now() - until)::float8 FROM camera_lease"
            " WHERE until > now() - interval '1 day' ORDER BY source"
        ).fetchall()
    remedy = "--service capture=HOST:PORT"
    return [
        Row("cameras", source, State.UNKNOWN, "is read", reason="capture was not asked", remedy=remedy)
        if held
        else Row("cameras", source, State.BAD, "is not read", since_s, "its reader is gone, and nobody took it over", "start capture")
        for source, held, since_s in found
    ]
