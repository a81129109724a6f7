"""Each camera gives a picture within some seconds, or says why not; all are asked at the same time."""

from __future__ import annotations

import socket
import time

import pytest

from wince.demo.scenario import bundled
from wince.serve.checks import cameras
from wince.serve.checks.finding import State
from wince.settings import Camera, Settings


def camera(number: int, **where: object) -> Camera:
    return Camera.model_validate({"id": f"c{number}", "bed": f"ICU^{number}^A", **where})


def test_without_cameras_there_is_nothing_to_say():
    assert list(cameras.check(Settings())) == []


def test_every_kind(tmp_path, monkeypatch):
    """A file that plays, one that isn't there, one that is no video, a port where nobody listens, one where nobody answers, a push."""
    monkeypatch.setattr(cameras, "WAIT_S", 4.0)
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        listed = (
            camera(1, path=bundled().beds[0].camera.path),
            camera(2, path=tmp_path / "none.mp4"),
            camera(3, path=text),
            camera(4, url=f"rtsp://127.0.0.1:{closed.getsockname()[1]}/x"),
            camera(5, url=f"rtsp://127.0.0.1:{silent.getsockname()[1]}/x"),
            camera(6, push=True),
        )
        begun = time.monotonic()
        found = list(cameras.check(Settings(cameras=listed)))
    assert time.monotonic() - begun < 40
    assert [one.what for one in found] == [f"camera c{number}" for number in range(1, 7)]
    assert [one.state for one in found] == [State.OK, *[State.MISSING] * 4, State.OK]
    assert "a picture of" in found[0].found
    assert found[3].found == "unreachable"
    assert "no picture within 4 s" in found[4].found
    assert "wince push" in found[5].found
    assert all(one.remedy for one in found if one.state is State.MISSING)


@pytest.mark.parametrize("kind", ["unreachable", "timeout", "login", "certificate", "not_found", "not_video", "ended"])
def test_every_failure_has_a_remedy(kind):
    from wince.pipeline.capture.rtsp import Failure

    assert kind in set(Failure)
    assert cameras.REMEDIES[kind]
