"""The overlay film: every picture at its own time, what was seen beside it, whole or not there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from tests.unit.assess.report import synthetic
from tests.unit.pipeline.capture.clips import number_of, write
from wince.assess.inputs import Input, Inputs
from wince.assess.inputs.view import WHOLE, view
from wince.assess.overlay import film
from wince.assess.overlay.panel import TALL, WIDE, Panel
from wince.assess.overlay.target import places
from wince.assess.overlay.track import CONTOURS, POINTS, Track
from wince.assess.result import ClipResult, FrameRow
from wince.domain.estimate import UNITS
from wince.domain.face import Face
from wince.domain.reason import Reason
from wince.errors import ConfigError, ResourceError
from wince.protocols import loader

PROTOCOL = loader.load("activity")
TIMES = [0, 40, 120, 500, 533, 900, 1400, 1900, 2800]
STEP_US = 200_000


def face(x: float, reason: Reason | None = None) -> Face:
    """One whose points all lie at this share of the width."""
    landmarks = np.full((478, 3), 0, np.float32)
    landmarks[:, 0], landmarks[:, 1] = x * 320, 96
    return Face("s", 0, 0, (320, 192), reason, 1, None, landmarks, None, None, None, b"")


def result(alert: bool = True) -> ClipResult:
    """3 s: quiet, then high with an alert from 1.2 s to 2 s, then dark."""
    units = tuple(float(number) / 2 for number in range(len(UNITS)))
    rows = tuple(
        FrameRow(number / 5, True, None, 9.0 if number > 5 else 1.0, 2 if number > 5 else 0, 0.9, units, 0.0, 0.0, 0.0)
        if number < 10
        else FrameRow(number / 5, False, Reason.DARK, None, None, None, (None,) * len(UNITS), None, None, None)
        for number in range(15)
    )
    made = synthetic.clip(key_frames=())
    alerts = tuple(replace(one, start_us=1_200_000, end_us=2_000_000) for one in made.alerts[:1]) if alert else ()
    assert alerts or not alert
    return replace(made, frames=rows, alerts=alerts, duration_s=3.0)


def overlay(tmp_path: Path, size: tuple[int, int] = (320, 192), **options: object) -> Path:
    source = write(tmp_path / "in.mp4", TIMES, size=size, audio_s=2, **options)  # type: ignore[arg-type]
    track = Track(STEP_US)
    for number in range(15):
        track.take(number * STEP_US, face(0.5) if number < 10 else None)
    film.write(source, tmp_path / "out.mp4", "the key", result(), track, PROTOCOL, WHOLE, lambda _share: None)
    return tmp_path / "out.mp4"


def shown(path: Path) -> list[tuple[int, np.ndarray]]:
    """Milliseconds and pictures."""
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.streams.video[0].codec_context.name == "h264"
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        return [(round(float(one.time) * 1000), one.to_ndarray(format="rgb24")) for one in container.decode(video=0)]  # type: ignore[arg-type]


def test_every_picture_is_there_at_its_own_time_and_no_sound_is(tmp_path: Path) -> None:
    pictures = shown(overlay(tmp_path))
    assert [time_ms for time_ms, _ in pictures] == TIMES
    width = pictures[0][1].shape[1] - WIDE * (480 // TALL // 2 * 2)
    assert [number_of(picture[:, :width]) for time_ms, picture in pictures if not 1200 <= time_ms < 2000] == [0, 1, 2, 3, 4, 5, 8]
    assert film.made_from(tmp_path / "out.mp4") == "the key"


def test_an_alert_has_a_red_edge_and_a_red_block_and_nothing_else_has(tmp_path: Path) -> None:
    for time_ms, picture in shown(overlay(tmp_path)):
        red, green, blue = picture[2, 300].astype(int)
        assert (red > 150 and green < 90 and blue < 110) == (1200 <= time_ms < 2000)


def test_the_panel_says_grade_reason_and_nothing_of_what_was_not_measured() -> None:
    """Its rows differ where they should; an empty bar is no bar of 0."""
    panel = Panel(result(), PROTOCOL, 16, 480)
    rows = result().frames
    quiet, high, dark, absent = (panel.draw(row, 1_000_000, alert=False) for row in (rows[0], rows[9], rows[12], None))
    assert quiet.shape == (480, 16 * WIDE, 3)
    assert len({one.tobytes() for one in (quiet, high, dark, absent)}) == 4
    blue = [int(((one[..., 2] > 200) & (one[..., 0] < 140)).sum()) for one in (quiet, high, dark, absent)]
    assert blue[1] > blue[0] > 500
    assert blue[2] == blue[3] == 0


@pytest.mark.parametrize("size", [(64, 48), (1920, 1080), (240, 426), (322, 178)])
def test_small_and_large_films_get_a_panel_that_can_be_read(tmp_path: Path, size: tuple[int, int]) -> None:
    """Small ones are enlarged, large ones scaled down; sides are even, as H.264 needs."""
    height, width = shown(overlay(tmp_path, size))[0][1].shape[:2]
    assert 480 <= height <= 1280
    assert width <= 1280 + WIDE * 48
    assert (height % 2, width % 2) == (0, 0)


def test_where_it_cannot_be_written_nothing_is_left_and_what_was_there_stands(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_text("before")
    source = tmp_path / "broken.mp4"
    source.write_bytes(write(tmp_path / "in.mp4", TIMES).read_bytes())
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ResourceError):
        film.write(source, tmp_path / "file" / "out.mp4", "", result(), Track(STEP_US), PROTOCOL, WHOLE, lambda _share: None)

    def stop(_share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        film.write(source, tmp_path / "out.mp4", "", result(), Track(STEP_US), PROTOCOL, view(rotation=90), stop)
    assert (tmp_path / "out.mp4").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.mp4", "file", "in.mp4", "out.mp4"]
    assert film.made_from(tmp_path / "out.mp4") == film.made_from(tmp_path / "none.mp4") == ""


def test_an_outline_moves_between_samples_and_is_not_carried_over_a_gap() -> None:
    track = Track(STEP_US)
    for number, one in enumerate([face(0.2), face(0.4), face(0.9, Reason.TURNED), None, face(0.6)]):
        track.take(number * STEP_US, one)
    seen = [track.at(time_us) for time_us in (0, 100_000, 200_000, 300_000, 400_000, 700_000, 800_000, 1_099_000, 1_200_000)]
    assert [None if one is None else round(float(one[0, 0]), 2) for one in seen] == [0.2, 0.3, 0.4, 0.4, None, None, 0.6, 0.6, None]
    assert seen[0] is not None
    assert seen[0].shape == (len(POINTS), 2)
    assert all(contour.max() < len(POINTS) for contour in CONTOURS)


def inputs(*names: str, uri: str = "") -> Inputs:
    return Inputs(tuple(Input(Path(name), f"{number}" * 64, 1, uri=uri) for number, name in enumerate(names)), ())


def test_one_input_has_a_file_and_several_have_a_folder(tmp_path: Path) -> None:
    assert places(inputs("a.mp4"), tmp_path / "out.mp4") == {"0" * 64: tmp_path / "out.mp4"}
    assert [path.name for path in places(inputs("a.mp4", "b/a.mkv"), tmp_path).values()] == ["a-00000000.mp4", "a-11111111.mp4"]
    (tmp_path / "x.avi").touch()
    for named, overlay_, what in (
        (inputs("a.mp4", "b.mp4"), "out.mp4", "there are 2 inputs"),
        (inputs("a.mp4"), "x.avi", "no mp4"),
        (inputs(str(tmp_path / "out.mp4")), "out.mp4", "the input itself"),
        (inputs("camera", uri="rtsp://c/1"), "out.mp4", "camera's pictures"),
    ):
        with pytest.raises(ConfigError, match=what) as caught:
            places(named, tmp_path / overlay_)
        assert caught.value.field.startswith("--overlay")
        assert caught.value.remedy


def test_a_pyav_without_the_encoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    film.check_encoder()
    monkeypatch.setattr(film, "ENCODER", "libnone")
    with pytest.raises(ResourceError, match="no libnone") as caught:
        film.check_encoder()
    assert caught.value.field == "--overlay"
