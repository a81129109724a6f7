"""What grade remembers of one source between two messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from wince.domain.care import PatientState, Pause
from wince.domain.reason import Reason
from wince.domain.routing import Routing
from wince.domain.window import Run
from wince.pipeline.grade.alerts import Episode
from wince.pipeline.grade.asking import Stretch
from wince.pipeline.grade.calm import Calm
from wince.pipeline.grade.interface import Personal
from wince.protocols.rules import ClinicalProtocol


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What stays the same."""

    protocol: ClinicalProtocol
    site: UUID
    """Namespace of the site's ids (`domain.ids.site_namespace`)."""
    personal: Personal | None = None
    """Reads faces against the calm one; None: the protocol's scorer has no such model."""
    routing: Routing | None = None
    """Whom the protocol looks at; None: everybody, and its [population] says of whom there is a grade."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One estimate, as kept until its window closes."""

    time_us: int
    reason: Reason | None
    score: float
    confidence: float
    smile: float
    units: tuple[float, ...]
    embedding: NDArray[np.float32] | None
    model_set: str


@dataclass(frozen=True, slots=True)
class Beats:
    """The beats of the open window."""

    count: int = 0
    frames: int = 0
    dropped: int = 0
    corrupt: int = 0
    silent: tuple[tuple[Reason, int], ...] = ()
    """Beats without a frame, per reason."""


@dataclass(frozen=True, slots=True)
class Occupant:
    """From `at_us` on this stay is before the camera."""

    at_us: int
    stay: UUID | None
    """None: nobody, or two are claimed."""
    birth_date: date | None = None
    bed: str = ""
    """The bed that the camera watches; empty: none, or it was not said."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """State of the fold for one source. Immutable: a step that fails leaves it as it was."""

    setup: Setup
    source: str
    closed_until_us: int = 0
    """End of the last closed window on the grid; 0: none closed yet. What is older is ignored."""
    open_us: int | None = None
    """Begin of the open window; None: nothing came yet."""
    seen: tuple[Seen, ...] = ()
    beats: Beats = field(default_factory=Beats)
    frame_us: int | None = None
    """Time of the last estimate."""
    beat_us: int | None = None
    """Time of the last beat."""
    skipped: int = 0
    """Gap windows beyond MAX_GAPS that were not given."""
    occupants: tuple[Occupant, ...] = ()
    """Ascending; empty: nobody said who is there (a plain file)."""
    patient: tuple[PatientState, ...] = ()
    pauses: tuple[Pause, ...] = ()
    basis: str = ""
    """See `domain.assessment.Assessment.basis`; of the last closed window."""
    bound: UUID | None = None
    """Stay at the end of the last window."""
    last_us: int | None = None
    """Time of the last frame of a closed window; after a silence a run begins again."""
    run: Run = field(default_factory=Run)
    episode: Episode = field(default_factory=Episode)
    conflict: Stretch = field(default_factory=Stretch)
    uncertain: Stretch = field(default_factory=Stretch)
    without: Stretch = field(default_factory=Stretch)
    """Windows without a grade."""
    calm: Calm = field(default_factory=Calm)
