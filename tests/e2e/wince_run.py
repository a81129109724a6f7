"""Runs `wince run` as a process of its own, reads its events, kills it where a test says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

AT = "2026-01-05T08:00:00Z"
"""Fixed beginning of the clips, so that the ids of two runs can be compared."""


@dataclass
class Ran:
    """What one process did."""

    returncode: int
    events: list[dict] = field(default_factory=list)
    stdout: str = ""
    stderr: str = ""
    files: dict[str, str] = field(default_factory=dict)
    """What a test kept of the state directory, by name."""

    @property
    def result(self) -> dict:
        assert self.events
        assert self.events[-1]["event"] == "done"
        return self.events[-1]


def environment(state: Path, **extra: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_") or name == "WINCE_MODELS_DIR"}
    return clean | {"WINCE_STATE_DIR": str(state), "PYTHONUNBUFFERED": "1"} | extra


def run(state: Path, *arguments: str, kill_at: int | str | None = None, at: str = AT, text: bool = False, **extra: str) -> Ran:
    """One run. `kill_at`: SIGKILL right after that many event lines, or after the first event of that name. `text`: without --json."""
    command = [sys.executable, "-m", "wince.cli.main", "run", *([] if text else ["--json"]), "--at", at, *arguments]
    log = state.parent / f"{state.name}.stderr"
    with (
        open(log, "w") as errors,
        subprocess.Popen(command, env=environment(state, **extra), stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        ran = Ran(0)
        assert process.stdout is not None
        for line in process.stdout:
            ran.stdout += line
            if not text:
                ran.events.append(json.loads(line))
            if kill_at is not None and kill_at in (len(ran.events), ran.events[-1].get("event") if ran.events else ""):  # an error has none
                process.send_signal(signal.SIGKILL)
                break
        ran.returncode = process.wait(240)
    ran.stderr = log.read_text()
    return ran
