"""A call over many files: what was done before is skipped, equal files are computed once, one that fails leaves the others alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from wince.assess import workers
from wince.assess.cores import cores
from wince.assess.done import Done
from wince.assess.engine import Engine, engine_wide
from wince.assess.inputs import Inputs
from wince.assess.inputs.live import Live
from wince.assess.inputs.reference import Reference
from wince.assess.inputs.view import WHOLE, View
from wince.assess.overlay import film
from wince.assess.overlay.target import Target
from wince.assess.result import ClipResult
from wince.assess.result_builder import failed
from wince.assess.workers import Order, Task
from wince.errors import WinceError
from wince.local.stopping import keeps
from wince.pipeline.capture.media import file_id
from wince.protocols.rules import ClinicalProtocol
from wince.serve import scoring
from wince.settings import Settings

REPORT_STATE = ".wince"
"""Folder inside a report folder where its results lie."""

OnEvent = Callable[[int, float, ClipResult | None], None]
"""Told of an input by its number: share done, and the result once it is there."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a call gave."""

    results: tuple[ClipResult, ...]
    """One per input, in order."""
    skipped: int
    """How many of them were done before."""
    notes: tuple[str, ...] = ()
    """What the caller must know: results that could not be kept."""

    @property
    def failed(self) -> int:
        """Inputs that could not be assessed."""
        return sum(bool(one.error) for one in self.results)


def run(
    inputs: Inputs,
    settings: Settings,
    protocol: ClinicalProtocol,
    *,
    reference: Reference | None = None,
    jobs: int | None = None,
    report: Path | None = None,
    view: View = WHOLE,
    live: Live | None = None,
    overlays: Mapping[str, Path] = MappingProxyType({}),
    on_event: OnEvent = lambda _number, _share, _result: None,
) -> Batch:
    """Assess every input. `jobs`: processes; None: as many as there are cores; one file alone is done in this process.
    `protocol`: at the rate of `view` (`view.at_rate`). `live`: how network cameras are looked at; None: there is none.
    `overlays`: where the film of a content is written with its overlay (`overlay.target.places`).

    Raises WinceError only where nothing can be assessed at all (models, reference); what is wrong with one file is in its result.
    """
    order = Order(settings, protocol, reference, report is not None, view, live)
    job = _Job(inputs, order, report, overlays, on_event)
    job.run(jobs or cores())
    problem = job.done.problem
    notes = () if problem is None else (f"results could not be kept for the next start: {problem.field}: {problem.message}",)
    return Batch(tuple(job.results[number] for number in sorted(job.results)), job.skipped, notes)


class _Job:
    """One call."""

    def __init__(self, inputs: Inputs, order: Order, report: Path | None, overlays: Mapping[str, Path], on_event: OnEvent) -> None:
        self._inputs, self._order, self._overlays, self._on_event = inputs, order, overlays, on_event
        self._report = report
        self.results: dict[int, ClipResult] = {}
        self.skipped = 0
        self._same: dict[str, list[int]] = {}
        for number, one in enumerate(inputs.files):
            if one.problem is None:
                self._same.setdefault(one.source, []).append(number)

    def run(self, jobs: int) -> None:
        """Results for every input."""
        order = self._order
        for number, one in enumerate(self._inputs.files):
            if one.problem is not None:
                self._take(number, failed(one.path, one.source, order.protocol, one.problem))
        self.done = self._kept()
        keeps(self._kept_so_far, "the same command goes on with the others")
        todo = [task for task in self._tasks() if not self._known(task)]
        if not todo:
            return
        if len(self._same) == 1:
            self._own(todo[0], Engine(order.settings, order.protocol))
            return
        for task, answer in workers.run(todo, order, min(jobs, len(todo))):
            if isinstance(answer, float):
                self._on_event(task.number, answer, None)
            elif isinstance(answer, ClipResult):
                self._finish(task, answer)
            else:
                self._finish(task, failed(task.path, task.source, order.protocol, answer))

    def _kept(self) -> Done:
        """Results of before. What they depend on is told by hashes, so that a call that has nothing left to do loads no model."""
        order, settings = self._order, self._order.settings
        context = (
            order.protocol.rule,
            scoring.model_set(order.protocol, settings.models_dir, settings.serving),
            scoring.personal_model_set(order.protocol),
            settings.site,
            _name(order.reference),
            str(order.pictures),
            order.view.key,
        )
        folder = self._report / REPORT_STATE if self._report is not None else settings.state_dir.expanduser() / "assess"
        return Done(folder, "|".join(context))

    def _kept_so_far(self) -> str:
        kept = 0 if self.done.problem else sum(not one.error for one in list(self.results.values()))
        return f"{kept} of {len(self._inputs.files)} results are kept"

    def _tasks(self) -> list[Task]:
        named = [(numbers[0], self._inputs.files[numbers[0]]) for numbers in self._same.values()]
        return [Task(number, one.file or one.path, one.source, one.uri, self._target(one.source)) for number, one in named]

    def _target(self, source: str) -> Target | None:
        path = self._overlays.get(source)
        return None if path is None else Target(path, self.done.key(source))

    def _known(self, task: Task) -> bool:
        found = None if task.uri else self.done.get(task.source, task.path)
        if found is None or not (task.overlay is None or found.still or film.made_from(task.overlay.path) == task.overlay.key):
            return False
        self.skipped += len(self._same[task.source])
        self._share(task, found)
        return True

    def _own(self, task: Task, engine: Engine) -> None:
        """One file, in this process."""
        order = self._order
        try:
            result = engine.assess(
                task.path, task.source, reference=order.reference, pictures=order.pictures, view=order.view,
                uri=task.uri, live=order.live, overlay=task.overlay,
                progress=lambda share: self._on_event(task.number, share, None),
            )  # fmt: skip
        except WinceError as error:
            if engine_wide(error, order.reference):
                raise
            result = failed(task.path, task.source, order.protocol, error)
        except MemoryError as error:
            result = failed(task.path, task.source, order.protocol, error)
        self._finish(task, result)

    def _finish(self, task: Task, result: ClipResult) -> None:
        if not task.uri:
            self.done.put(result)
        self._share(task, result)

    def _share(self, task: Task, result: ClipResult) -> None:
        """The same for every file with this content."""
        for number in self._same[task.source]:
            self._take(number, replace(result, path=self._inputs.files[number].path))

    def _take(self, number: int, result: ClipResult) -> None:
        self.results[number] = result
        self._on_event(number, 1.0, result)


def _name(reference: Reference | None) -> str:
    """A reference by its content. Raises MediaError or ResourceError where its file can't be read."""
    if reference is None:
        return ""
    if reference.path is None:
        return f"{reference.start_us}-{reference.end_us}"
    return file_id(reference.path)


def digest(results: Sequence[ClipResult]) -> str:
    """sha256 (hex) of which inputs came to what: tells whether a report still says the same."""
    text = "\n".join(f"{one.path}|{one.source}|{one.rule}|{one.model_set}|{one.error}|{one.plain}|{one.personal}" for one in results)
    return hashlib.sha256(text.encode()).hexdigest()
