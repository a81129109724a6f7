"""What `wince assess` shows: a bar with the time left, a line for a clip, a table for many."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from wince.assess.batch import Batch
from wince.assess.inputs import Inputs
from wince.assess.result import ClipResult, headline
from wince.assess.result.words import file_name, plain
from wince.domain.frame import US
from wince.protocols.rules import ClinicalProtocol

NAMED = 5
"""Files that are passed over and named; of more only their number is said."""

READABLE = 16
"""Characters of a file's name that stay in one line, however narrow the terminal is."""


class Bar:
    """What is shown on standard error while it works: of several inputs a line each as they are done, and on a terminal a progress bar.

    The bar measures by bytes, because clips differ in length.
    """

    def __init__(self, inputs: Inputs, *, lines: bool, shown: bool = True) -> None:
        """`lines`: say what each of several inputs came to. `shown`: draw the bar where there is a terminal."""
        self._lines = lines and len(inputs.files) > 1
        self._sizes = [max(1, one.size) for one in inputs.files]
        self._shares = [0.0] * len(self._sizes)
        console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        columns = (TextColumn("{task.fields[done]}/{task.fields[count]}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        self._bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not (shown and console.is_terminal))
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


def rows(done: Batch, inputs: Inputs, protocol: ClinicalProtocol, *, notes: bool = True) -> Iterator[str | Table]:
    """Everything that is printed after the work. `notes`: with what a reader should know beside the results."""
    if len(done.results) == 1:
        yield line(done.results[0], notes=notes)
    else:
        yield table(done.results)
        yield from (line(result) for result in done.results if result.error)
    if notes and done.skipped and len(done.results) > 1:
        yield f"{done.skipped} of {len(done.results)} were done before and are shown again"
    if notes and inputs.passed_over:
        names = ", ".join(file_name(path) for path in inputs.passed_over[:NAMED]) + (", ..." if len(inputs.passed_over) > NAMED else "")
        yield f"passed over, neither video nor picture: {len(inputs.passed_over)} ({names})"
    yield f"{protocol.title} (protocol {protocol.name}): {protocol.report.label}"


def line(result: ClipResult, *, notes: bool = True) -> str:
    """One clip in one line, its notes below."""
    if result.error:
        return f"{file_name(result.path)}: failed: " + "\n".join(map(plain, result.error.split("\n")))
    said = headline.parts(result.headline)
    if result.personal is not None:
        said.append(f"without the reference: {result.plain.grade_name or headline.UNGRADED}")
    return f"{file_name(result.path)}: " + "; ".join(said) + "".join(f"\n  {note}" for note in result.notes if notes)


def table(results: tuple[ClipResult, ...]) -> Table:
    """A batch, a row each, in the order of a clip's line."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    personal = any(result.personal is not None for result in results)
    without = ("without reference",) if personal else ()
    named = max((len(file_name(result.path)) for result in results), default=0)
    shown.add_column("input", overflow="fold", min_width=min(named, READABLE))
    for column in ("alerts", "highest", headline.LONGEST, "assessable", "why not", *without):
        shown.add_column(column, overflow="fold")
    for result in results:
        row = (file_name(result.path), *cells(result), *([result.plain.grade_name or "-"] if personal else []))
        shown.add_row(*map(Text, row))  # text, never markup, whatever the console makes of strings
    return shown


def cells(result: ClipResult) -> tuple[str, str, str, str, str]:
    """Alerts with the time of the first, highest grade, longest grade, assessable share, reasons."""
    if result.error:
        return "-", "failed", "-", "-", "see below"
    best = result.headline
    first = f" from {best.alerts[0].start_us / US:.1f} s" if best.alerts else ""
    longest = headline.held(best.longest) if best.longest is not None else headline.UNGRADED
    alerts = "-" if best.still else f"{len(best.alerts)}{first}"
    return alerts, headline.held(best.highest), longest, f"{best.assessable_share:.0%}", headline.reasons(best)
