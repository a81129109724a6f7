"""Progress of `wince run` for people."""

from __future__ import annotations

from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from rich.live import Live
from rich.table import Table

from wince.cli.common import out


class Progress:
    """Live lines on a terminal; a line an event of note elsewhere."""

    def __init__(self, beds: dict[str, str]) -> None:
        """`beds`: bed by source."""
        self._beds = beds
        self._state = {source: {"media": 0.0, "now": "", "alerts": 0, "asked": 0} for source in self._beds}
        self._note, self._waiting = "starting", 0
        self._live = Live(self._render(), console=out, refresh_per_second=8, transient=True) if out.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def on_event(self, event: str, fields: dict[str, Any]) -> None:
        """Take an event in and show it."""
        state: dict[str, Any] = self._state.get(fields.get("source", ""), {})
        match event:
            case "beat":
                state["media"] = fields["media_s"]
            case "window":
                state["now"] = fields["label"] + (f": {fields['reason']}" if fields["reason"] else "")
            case "alert":
                state["alerts"] += 1
            case "question":
                state["asked"] += 1
            case "delivering" | "delivered":
                if not self._waiting and fields["waiting"] and self._live is None:
                    print(f"{fields['waiting']} entries wait for the EHR")
                self._waiting = fields["waiting"]
        if event not in ("beat", "window", "delivering", "delivered"):
            self._note = self._line(event, fields)
            if self._live is None:
                print(self._note)
        if self._live is not None:
            self._live.update(self._render())

    def _line(self, event: str, fields: dict[str, Any]) -> str:
        bed = self._beds.get(fields.get("source", ""), "")
        match event:
            case "database":
                begin = datetime.fromtimestamp(fields["origin_us"] / 1e6, UTC)
                return f"database ready, data in {fields['data']}; clips begin at {begin:%Y-%m-%d %H:%M} UTC"
            case "alert":
                return f"{bed}: alert, {fields['grade']} from {fields['start_s']:.1f} s"
            case "question":
                return f"{bed}: a nurse is asked ({fields['reason']})"
            case "admitted":
                return f"{fields['patients']} patients admitted by HL7 A01"
            case "discharged":
                return "patients discharged by HL7 A03"
            case "listening":
                return f"HL7 listener on 127.0.0.1:{fields['port']}"
            case "ehr":
                return f"EHR at {fields['url']}"
            case "models":
                return str(fields["detail"])
        return event

    def _render(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in ("bed", "media", "last window", "alerts", "asked"):
            table.add_column(column)
        for source, state in self._state.items():
            table.add_row(self._beds[source], f"{state['media']:.0f} s", str(state["now"]), str(state["alerts"]), str(state["asked"]))
        table.caption = f"{self._note}; {self._waiting} entries wait for the EHR"
        return table
