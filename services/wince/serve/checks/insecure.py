"""What a site has opened on purpose: settings that take a protection away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wince.serve.checks.finding import Finding, warning
from wince.settings import Settings
from wince.settings.catalogue import Setting, by_path

_MARKS = ("insecure_", "plain_beyond_loopback", "unchecked_certificate")
"""What the names of such settings hold."""
_VALUES = {"ehr_auth": "none", "kafka_security": "insecure-plaintext"}
"""Settings of which one value does the same."""


def check(settings: Settings) -> Iterator[Finding]:
    """A warning for each that is set, with what it opens. Nothing is connected to."""
    for path, setting in by_path().items():
        table, _, key = path.rpartition(".")
        holder: Any = getattr(settings, table) if table else settings
        for entry in holder if isinstance(holder, tuple) else (holder,):
            if _opens(key, getattr(entry, key)):
                yield _finding(setting, key, getattr(entry, "id", ""))


def _opens(key: str, value: Any) -> bool:
    return value is True if any(mark in key for mark in _MARKS) else key in _VALUES and value == _VALUES[key]


def _finding(setting: Setting, key: str, entry: str) -> Finding:
    name = f"{setting.path} of {entry}" if entry else setting.path
    return warning(name, f"is {_VALUES.get(key, 'set')}: {setting.meaning}", "take it out once what it opens is protected")
