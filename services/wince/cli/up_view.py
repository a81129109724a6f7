"""What `wince up` shows: a live table on a terminal, else a line for each change."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from wince.cli.status_show import STYLES, age
from wince.serve.status.cameras import cameras
from wince.serve.status.collect import Status
from wince.serve.status.interface import Row, State, Subject
from wince.serve.status.outbox import outbox, written
from wince.serve.status.services import services

PASSING = ("started", "starts")
"""What is said of everything at every start, and means little."""

NARROW = 70
"""Below so many columns a terminal holds what matters alone."""
LONG = ("camera", "state", "where", "reason")
"""What may take several lines."""
SPARE = ("where", "since", "last frame", "frames a second", "written")


class View(Protocol):
    """Told what happens, and how things are. Thread-safe. A context manager."""

    subjects: Mapping[str, Subject]
    """What it wants to see again and again."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...

    def told(self, who: str, what: str) -> None:
        """Something happened to somebody."""
        ...

    def up(self, ports: Mapping[str, int], ehr: str | None) -> None:
        """Everything serves."""
        ...

    def saw(self, status: Status) -> None:
        """How things are now."""
        ...


class LineView:
    """A line for each change; with `as_json` an object a line."""

    subjects: Mapping[str, Subject] = {"cameras": cameras, "outbox": outbox}

    def __init__(self, console: Console, *, as_json: bool) -> None:
        self._console, self._json = console, as_json
        self._known: dict[tuple[str, str], object] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing is held."""

    def told(self, who: str, what: str) -> None:
        """See View.told."""
        if self._json:
            print(json.dumps({"event": what, "who": who}), flush=True)
        else:
            self._console.print(f"{who:<10} {what}", style="dim" if what in PASSING else None, markup=False)

    def up(self, ports: Mapping[str, int], ehr: str | None) -> None:
        """See View.up."""
        if self._json:
            print(json.dumps({"event": "up", "ports": dict(ports), "ehr": ehr}), flush=True)
        else:
            where = ", ".join(f"{name} 127.0.0.1:{port}" for name, port in ports.items())
            self._console.print(f"up: {where}; Ctrl-C drains and stops")

    def saw(self, status: Status) -> None:
        """A line for each thing that is not as it was; figures that run on are no change."""
        now = {(row.subject, row.what): row for row in status.rows}
        for key, row in now.items():
            what = (row.state, row.reason, row.figures.get("state"))
            if self._known.get(key) != what and (key in self._known or row.state is not State.OK or row.subject == "cameras"):
                self._tell(row)
            self._known[key] = what
        for key in [key for key in self._known if key not in now]:
            del self._known[key]
            self._tell(Row(*key, State.OK, "is no more"))

    def _tell(self, row: Row) -> None:
        who = f"camera {row.what}" if row.subject == "cameras" else f"{row.subject} {row.what}"
        if self._json:
            said = {"event": row.state.value, "who": who, "said": row.said, "reason": row.reason, "remedy": row.remedy}
            print(json.dumps(said), flush=True)
        else:
            words = "; ".join(text for text in (row.said, row.reason, row.remedy and f"remedy: {row.remedy}") if text)
            self._console.print(f"{who:<10} {row.state.value}: {words}", markup=False)


class TableView:
    """Services, cameras and deliveries, live."""

    subjects: Mapping[str, Subject] = {"services": services, "cameras": cameras, "outbox": outbox, "written": written}

    def __init__(self, console: Console) -> None:
        self._lock = threading.Lock()
        self._said: dict[str, tuple[str, float]] = {}
        self._rows: tuple[Row, ...] = ()
        self._ports: dict[str, int] = {}
        self._note = "is starting; Ctrl-C stops"
        self._console = console
        self._live = Live(get_renderable=self.render, console=console, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._live.stop()

    def told(self, who: str, what: str) -> None:
        """See View.told."""
        with self._lock:
            self._said[who] = (what, time.monotonic())
            if who == "all":
                self._note, self._rows = what, ()  # what was seen before is over

    def up(self, ports: Mapping[str, int], ehr: str | None) -> None:
        """See View.up."""
        with self._lock:
            self._ports, self._note = dict(ports), "everything serves; Ctrl-C drains and stops"

    def saw(self, status: Status) -> None:
        """See View.saw."""
        with self._lock:
            self._rows = status.rows

    def render(self) -> Group:
        """The tables as they are now."""
        with self._lock:
            said, rows, ports, note = dict(self._said), self._rows, dict(self._ports), self._note
        by = {subject: [row for row in rows if row.subject == subject] for subject in self.subjects}
        parts = [_services(said, ports, by["services"])]
        if by["cameras"]:
            parts.append(_cameras(by["cameras"]))
        if by["outbox"]:
            parts.append(_deliveries(by["outbox"], by["written"]))
        if self._console.width < NARROW:
            parts = [_narrow(table) for table in parts]
        return Group(*parts, Text(f"wince up: {note}", "dim"))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in LONG)
    return table


def _narrow(table: Table) -> Table:
    """Without what can be spared: a table whose words are broken says nothing."""
    kept = [column for column in table.columns if column.header not in SPARE]
    narrow = _table(*(str(column.header) for column in kept))
    narrow.padding = (0, 1, 0, 0)
    for cells in zip(*(column.cells for column in kept), strict=True):
        narrow.add_row(*cells)
    return narrow


def _services(said: Mapping[str, tuple[str, float]], ports: Mapping[str, int], rows: list[Row]) -> Table:
    table = _table("service", "state", "where", "restarts", "since")
    known = {row.what: row for row in rows}
    for who, (what, at_s) in said.items():
        row = known.get(who)
        if who == "all" or what == "cached":  # a model file that was there already
            continue
        where = f"127.0.0.1:{ports[who]}" if who in ports else ""
        if row is None:
            table.add_row(who, what, where, "", age(time.monotonic() - at_s))
        else:
            state = Text(row.reason or "serves", STYLES[row.state])
            table.add_row(who, state, where, str(row.figures.get("restarts") or 0), age(row.age_s))
    if "mllp" in ports:
        table.add_row("HL7", "hospital takes ADT", f"127.0.0.1:{ports['mllp']}", "", "")
    return table


def _cameras(rows: list[Row]) -> Table:
    table = _table("camera", "state", "last frame", "frames a second", "reason")
    for row in rows:
        rate = row.figures.get("frames_per_second")
        state = Text(str(row.figures.get("state") or row.state.value), STYLES[row.state])
        last = "" if row.age_s is None else f"{row.age_s:.1f} s ago" if row.age_s < 60 else f"{age(row.age_s)} ago"
        table.add_row(row.what, state, last, "" if rate is None else f"{rate:.1f}", row.reason)
    return table


def _deliveries(rows: list[Row], done: list[Row]) -> Table:
    table = _table("deliveries", "waiting", "written", "held", "dead", "reason")
    counts = {row.what: row.figures.get("written") for row in done}
    targets = sorted({*(row.what for row in rows if "waiting" in row.figures), *counts})
    for target in targets or ["-"]:
        figures = next((row.figures for row in rows if row.what == target), {})
        trouble = next((row for row in rows if row.what.startswith(target) and row.state is not State.OK), None)
        waiting = int(figures.get("waiting") or 0) + int(figures.get("leased") or 0)
        table.add_row(
            target, str(waiting), str(counts.get(target) or 0), str(figures.get("held") or 0), str(figures.get("dead") or 0),
            Text(f"{trouble.reason}; {trouble.remedy}", STYLES[trouble.state]) if trouble else "",
        )  # fmt: skip
    return table
