"""Calls `wince` as the shell would, in this process: arguments in, exit code and both streams out."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog

from wince.cli.main import main
from wince.telemetry import logs


@dataclass(frozen=True)
class Done:
    """What one call gave."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one JSON value on standard output."""
        return json.loads(self.out)


class Command:
    """Callable with the arguments after `wince`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> Done:
        self._monkeypatch.setattr(sys, "argv", ["wince", *map(str, arguments)])
        self._capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        return Done(code, *self._capsys.readouterr())


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """A Command; the process' logging is put back afterwards."""
    handlers, log = list(logging.getLogger().handlers), structlog.get_config()
    assert logs.allow in log["processors"], "put back must not be what the library does by itself: it prints everything"
    for place, name in ((sys, "excepthook"), (threading, "excepthook")):
        monkeypatch.setattr(place, name, getattr(place, name))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("wince.cli.main.finish", lambda: None)  # it would kill what the tests' own process has begun, their database
    monkeypatch.setattr("wince.cli.main.leave", sys.exit)
    yield Command(monkeypatch, capsys)
    logging.getLogger().handlers = handlers
    structlog.configure(**log)
