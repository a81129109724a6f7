"""Grade: estimates become one assessment per window, alerts, and questions to a nurse. A fold without I/O or clock.

    state, events = step(state, batch, now_us)

A window closes when a beat or frame with a time at or after its end arrives; a beat that says `ended` closes the last, partial one.
At its close everything of it is computed, in this order of events: alerts, questions, the assessment. So the result does not
depend on how the input was cut into batches. Windows for which nothing came (what a queue, broker or restart lost) are
`unassessable: gap`. Messages that come twice, or for a closed window, change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.care import Answer, PatientState, Pause
from wince.domain.estimate import Estimate
from wince.domain.frame import Beat
from wince.domain.stay import Occupancy
from wince.domain.window import window_start
from wince.errors import InputError
from wince.pipeline.grade.closing import close
from wince.pipeline.grade.people import heed
from wince.pipeline.grade.snapshot import VERSION, dump, load
from wince.pipeline.grade.state import Beats, Seen, Setup, State

__all__ = ["VERSION", "Event", "Input", "Setup", "State", "begin", "dump", "load", "snapshot_due", "step"]

Input = Estimate | Beat | Occupancy | PatientState | Pause | Answer
Event = Assessment | Alert | Question

MAX_GAPS = 17_280
"""Gap windows given at most after a silence (a day of 5 s windows); of a longer one the oldest are counted in `State.skipped`."""


def begin(source: str, setup: Setup, from_us: int | None = None) -> State:
    """State of a source of which nothing is known. `from_us`: the window of this moment is open, and all before are closed."""
    if from_us is None:
        return State(setup, source)
    open_us = window_start(from_us, setup.protocol.window_us)
    return State(setup, source, closed_until_us=open_us, open_us=open_us)


def snapshot_due(before: State, after: State) -> bool:
    """Whether a window was closed between two states: then `dump(after)` is kept, with `after.closed_until_us`."""
    return before.closed_until_us != after.closed_until_us


def step(state: State, batch: Sequence[Input]) -> tuple[State, list[Event]]:
    """Fold messages of one source. Only the times that messages carry count.

    Raises InputError where a message is of another source.
    """
    fold = _Fold(state)
    for message in batch:
        if message.source != state.source:
            raise InputError("a message of another source", field="source", remedy="fold each source with a state of its own")
        fold.take(message)
    return fold.state(), fold.events


class _Fold:
    """The state while a batch is folded: the open window grows in place."""

    def __init__(self, state: State) -> None:
        self._before = state
        self._length = state.setup.protocol.window_us
        self._seen = list(state.seen)
        self.events: list[Event] = []

    def state(self) -> State:
        """The state after what was taken."""
        return replace(self._before, seen=tuple(self._seen))

    def take(self, message: Input) -> None:
        """One message."""
        if isinstance(message, Estimate):
            self._frame(message)
        elif isinstance(message, Beat):
            self._beat(message)
        elif isinstance(message, Answer):
            self._set(calm=self._before.calm.answered(message.assessment, message.at_us, painless=message.painless))
        else:
            self._before = heed(self._before, message)

    def _frame(self, estimate: Estimate) -> None:
        state, time = self._before, estimate.time_us
        if (state.frame_us is not None and time <= state.frame_us) or (state.open_us is not None and time < state.open_us):
            return
        self._reach(time, time)
        self._seen.append(_seen(estimate))
        self._set(frame_us=time)

    def _beat(self, beat: Beat) -> None:
        state = self._before
        known = state.beat_us is not None and beat.time_us <= state.beat_us
        late = state.open_us is not None and beat.time_us <= state.open_us
        if not known and not late:
            self._reach(beat.time_us - 1, max(0, beat.time_us - 1))
            self._set(beats=_tally(self._before.beats, beat), beat_us=beat.time_us)
            self._reach(beat.time_us, None)
        if beat.ended:
            self._end(beat.time_us)

    def _reach(self, time_us: int, opening_us: int | None) -> None:
        """Close every window that ends at or before `time_us`; where none is open yet, open that of `opening_us`."""
        if self._before.open_us is None:
            if opening_us is not None:
                self._set(open_us=window_start(opening_us, self._length))
            return
        wanted = window_start(time_us, self._length)
        while self._before.open_us is not None and self._before.open_us < wanted:
            begin_us = self._before.open_us
            self._close(begin_us + self._length)
            over = (wanted - begin_us) // self._length - 1 - MAX_GAPS
            if over > 0:
                self._set(open_us=begin_us + (over + 1) * self._length, skipped=self._before.skipped + over)

    def _end(self, time_us: int) -> None:
        """The source is over: close what is open, up to its last message."""
        state = self._before
        if state.open_us is not None and (time_us > state.open_us or self._seen):
            self._close(max(time_us, (state.frame_us or 0) + 1, state.open_us + 1))

    def _close(self, end_us: int) -> None:
        start_us = self._before.open_us
        assert start_us is not None
        after, events = close(self._before, self._seen, start_us, min(end_us, start_us + self._length))
        self.events += events
        self._seen = []
        grid_end = start_us + self._length
        self._before = replace(after, seen=(), beats=Beats(), open_us=grid_end, closed_until_us=grid_end)

    def _set(self, **values: object) -> None:
        self._before = replace(self._before, **values)  # type: ignore[arg-type]


def _seen(estimate: Estimate) -> Seen:
    reading = estimate.reading
    if estimate.reason is not None or reading is None:
        return Seen(estimate.time_us, estimate.reason, 0.0, 0.0, 0.0, (), None, estimate.model_set)
    units = tuple(reading.units.tolist())
    return Seen(estimate.time_us, None, reading.score, reading.confidence, reading.smile, units, estimate.embedding, estimate.model_set)


def _tally(beats: Beats, beat: Beat) -> Beats:
    silent = dict(beats.silent)
    if beat.reason is not None and not beat.frames:
        silent[beat.reason] = silent.get(beat.reason, 0) + 1
    return Beats(
        beats.count + 1, beats.frames + beat.frames, beats.dropped + beat.dropped, beats.corrupt + beat.corrupt, tuple(silent.items())
    )
