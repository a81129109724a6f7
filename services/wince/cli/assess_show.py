"""What `wince assess` shows: a bar with the time left, a line for a clip, a table for many."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from wince.assess.batch import Batch
from wince.assess.inputs import Inputs
from wince.assess.plain import headline
from wince.assess.result import ClipResult
from wince.protocols.rules import ClinicalProtocol

NAMED = 5
"""Files that are passed over and named; of more only their number is said."""


class Bar:
    """What is shown on standard error while it works: of several inputs a line each as they are done, and on a terminal a progress bar.

    The bar measures by bytes, because clips differ in length.
    """

    def __init__(self, inputs: Inputs, *, lines: bool) -> None:
        """`lines`: say what each of several inputs came to."""
        self._lines = lines and len(inputs.files) > 1
        self._sizes = [max(1, one.size) for one in inputs.files]
        self._shares = [0.0] * len(self._sizes)
        console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        columns = (TextColumn("{task.fields[done]}/{task.fields[count]}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        self._bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=sum(self._sizes), done=0, count=len(self._sizes))
        self._done = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def on_event(self, number: int, share: float, result: ClipResult | None) -> None:
        """An input got further."""
        gained = (share - self._shares[number]) * self._sizes[number]
        self._shares[number] = share
        self._done += result is not None
        self._bar.update(self._task, advance=gained, done=self._done)
        if result is not None and self._lines:
            self._bar.console.print(line(result, notes=False), markup=False)


def rows(done: Batch, inputs: Inputs, protocol: ClinicalProtocol) -> Iterator[str | Table]:
    """Everything that is printed after the work."""
    if len(done.results) == 1:
        yield line(done.results[0])
    else:
        yield table(done.results)
    if done.skipped and len(done.results) > 1:
        yield f"{done.skipped} of {len(done.results)} were done before and are shown again"
    if inputs.passed_over:
        names = ", ".join(path.name for path in inputs.passed_over[:NAMED]) + (", ..." if len(inputs.passed_over) > NAMED else "")
        yield f"passed over, neither video nor picture: {len(inputs.passed_over)} ({names})"
    yield f"{protocol.title} (protocol {protocol.name}): {protocol.report.label}"


def line(result: ClipResult, *, notes: bool = True) -> str:
    """One clip in one line, its notes below."""
    if result.error:
        return f"{result.path.name}: failed: {result.error}"
    grade, how_long, share, reasons = cells(result)
    parts = [grade + (f" {how_long}" if how_long else ""), f"assessable {share}", *([reasons] if reasons else [])]
    if result.alerts:
        parts.append("alerts at " + ", ".join(f"{one.start_us / 1e6:.1f} s" for one in result.alerts))
    if result.personal is not None:
        parts.append(f"without the reference: {result.plain.grade_name or 'not assessable'}")
    return f"{result.path.name}: " + "; ".join(parts) + "".join(f"\n  {note}" for note in result.notes if notes)


def table(results: tuple[ClipResult, ...]) -> Table:
    """A batch, a row each."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    personal = any(result.personal is not None for result in results)
    for column in ("input", "grade", "how long", "alerts", "assessable", "why not", *(("without reference",) if personal else ())):
        shown.add_column(column, overflow="fold")
    for result in results:
        if result.error:
            shown.add_row(_plain(result.path.name), "failed", "", "", "", _plain(result.error), *([""] if personal else []))
            continue
        grade, how_long, share, reasons = cells(result)
        without = [result.plain.grade_name or "-"] if personal else []
        shown.add_row(_plain(result.path.name), grade, how_long, str(len(result.alerts)), share, reasons or "-", *without)
    return shown


def cells(result: ClipResult) -> tuple[str, str, str, str]:
    """Grade, how long each grade lasted (longest first), assessable share, reasons."""
    best = headline(result)
    lasted = sorted(best.seconds.items(), key=lambda item: (item[0] != best.grade_name, -item[1]))
    how_long = ", ".join(f"{seconds:.1f} s" if name == best.grade_name else f"{name} {seconds:.1f} s" for name, seconds in lasted)
    reasons = ", ".join(f"{reason.value} x{count}" for reason, count in result.reasons.items())
    return best.grade_name or "not assessable", how_long, f"{result.assessable_share:.0%}", reasons


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
