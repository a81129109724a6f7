"""State to bytes and back: versioned JSON, arrays as base64 float32. Holds embeddings and a birth date: PHI."""

from __future__ import annotations

import base64
import json
from dataclasses import astuple
from datetime import date
from typing import Any, get_type_hints
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from wince.domain.care import PatientState, Pause
from wince.domain.debounce import Debounce
from wince.domain.reason import Reason
from wince.domain.window import Run
from wince.errors import DataError
from wince.pipeline.grade.alerts import Episode
from wince.pipeline.grade.asking import Stretch
from wince.pipeline.grade.calm import Calm, Shown
from wince.pipeline.grade.snapshot_types import fits
from wince.pipeline.grade.state import Beats, Occupant, Seen, Setup, State

VERSION = 1
"""Version of the layout. Another version is not read: the source begins again."""
REMEDY = "begin the source again"
_HINTS = {name: hint for name, hint in get_type_hints(State).items() if name != "setup"}


def dump(state: State) -> bytes:
    """The state as bytes; the same state gives the same bytes."""
    content = {
        "version": VERSION,
        "source": state.source,
        "protocol": state.setup.protocol.name,
        "rule": state.setup.protocol.rule,
        "closed_until_us": state.closed_until_us,
        "open_us": state.open_us,
        "seen": [
            [one.time_us, one.reason, one.score, one.confidence, one.smile, one.units, _text(one.embedding), one.model_set]
            for one in state.seen
        ],
        "beats": astuple(state.beats),
        "frame_us": state.frame_us,
        "beat_us": state.beat_us,
        "skipped": state.skipped,
        "occupants": [[one.at_us, one.stay and str(one.stay), one.birth_date and str(one.birth_date), one.bed] for one in state.occupants],
        "patient": [[one.from_us, one.until_us, one.assessable_by_face] for one in state.patient],
        "pauses": [[one.from_us, one.until_us] for one in state.pauses],
        "basis": state.basis,
        "bound": state.bound and str(state.bound),
        "last_us": state.last_us,
        "run": [astuple(state.run.label), state.run.scores],
        "episode": astuple(state.episode),
        "stretches": [astuple(one) for one in (state.conflict, state.uncertain, state.without)],
        "calm": [state.calm.stay and str(state.calm.stay), state.calm.frames, [_text(one) for one in state.calm.medians]],
        "shown": [[str(one.assessment), one.frames, _text(one.median), one.answered_us, one.painless] for one in state.calm.shown],
    }
    return json.dumps(content, separators=(",", ":")).encode()


def load(blob: bytes, setup: Setup) -> State:
    """The state that `dump` wrote.

    Under changed rules the runs begin again, since grades and thresholds may mean something else; times, people and the calm face
    stay. Raises DataError where the bytes are no snapshot, or of another version or protocol.
    """
    try:
        content: dict[str, Any] = json.loads(blob)
        version, protocol = content["version"], content["protocol"]
        state = _state(content, setup) if (version, protocol) == (VERSION, setup.protocol.name) else None
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(f"is no snapshot of grade ({type(error).__name__})", field="snapshot", remedy=REMEDY) from None
    if state is None:
        raise DataError(f"is of another version or protocol than {VERSION}, {setup.protocol.name!r}", field="snapshot", remedy=REMEDY)
    if not all(fits(getattr(state, name), hint) for name, hint in _HINTS.items()):
        raise DataError("is no snapshot of grade (a value of another type)", field="snapshot", remedy=REMEDY)
    return state


def _state(content: dict[str, Any], setup: Setup) -> State:
    source = content["source"]
    same = content["rule"] == setup.protocol.rule
    conflict, uncertain, without = (Stretch(*one) for one in content["stretches"])
    label, scores = content["run"]
    stay, frames, medians = content["calm"]
    count, sent, dropped, corrupt, silent = content["beats"]
    return State(
        setup=setup,
        source=source,
        closed_until_us=content["closed_until_us"],
        open_us=content["open_us"],
        seen=tuple(_seen(*one) for one in content["seen"]),
        beats=Beats(count, sent, dropped, corrupt, tuple((Reason(reason), beats) for reason, beats in silent)),
        frame_us=content["frame_us"],
        beat_us=content["beat_us"],
        skipped=content["skipped"],
        occupants=tuple(_occupant(*one) for one in content["occupants"]),
        patient=tuple(PatientState(source, *one) for one in content["patient"]),
        pauses=tuple(Pause(source, *one) for one in content["pauses"]),
        basis=content.get("basis", ""),
        bound=_uuid(content["bound"]),
        last_us=content["last_us"],
        run=Run(Debounce(*label), tuple(scores)) if same else Run(),
        episode=Episode(*content["episode"]) if same else Episode(),
        conflict=conflict if same else Stretch(),
        uncertain=uncertain if same else Stretch(),
        without=without,
        calm=Calm(_uuid(stay), frames, tuple(_array(one) for one in medians), tuple(_shown(*one) for one in content.get("shown", ()))),
    )


def _seen(
    time_us: int, reason: str | None, score: float, confidence: float, smile: float, units: list[float], face: str | None, models: str
) -> Seen:
    embedding = None if face is None else _array(face)
    return Seen(time_us, Reason(reason) if reason else None, score, confidence, smile, tuple(units), embedding, models)


def _shown(assessment: str, frames: int, median: str, answered_us: int | None, painless: bool) -> Shown:
    return Shown(UUID(assessment), frames, _array(median), answered_us, painless)


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _text(array: NDArray[np.float32] | None) -> str | None:
    return None if array is None else base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()


def _array(text: str) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), dtype="<f4")


def _occupant(at_us: int, stay: str | None, born: str | None, bed: str = "") -> Occupant:
    """Versions without routing wrote no bed: the source learns who lies there, and where, when it begins."""
    return Occupant(at_us, _uuid(stay), date.fromisoformat(born) if born else None, bed)
