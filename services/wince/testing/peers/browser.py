"""Chromium, driven by Playwright, with axe: how a page looks on screens of several widths, by day, by night and printed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wince.errors import ResourceError
from wince.local import npm
from wince.telemetry.output import last_lines

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Look:
    """One way to open one page."""

    path: Path
    width: int = 1440
    """Of the screen, pixels; of a print, what a sheet of A4 leaves between its margins is 680."""
    height: int = 900
    dark: bool = False
    """Whether the reader prefers dark pages."""
    print: bool = False
    """As it is printed."""
    scripts: bool = True
    """Whether the browser runs scripts."""
    steps: tuple[dict[str, str], ...] = ()
    """What a person does first: `{"click": SELECTOR}` or `{"press": KEY}`."""
    axe: bool = True
    """Whether axe looks at it, too (it needs scripts)."""
    shot: Path | None = None
    """Where a PNG of the page goes; None: nowhere."""
    whole: bool = True
    """Whether the PNG shows the page to its end, else one screen."""
    pdf: Path | None = None
    """Where the page goes as the browser prints it; None: nowhere."""


@dataclass(frozen=True, slots=True)
class PageFaults:
    """What is wrong with a page; each list is empty where nothing is."""

    beyond: list[str] = field(default_factory=list)
    """What is wider than the screen or than what holds it."""
    overlaps: list[str] = field(default_factory=list)
    """Texts that lie on each other."""
    letters: list[str] = field(default_factory=list)
    """Texts broken into single letters."""
    small: list[str] = field(default_factory=list)
    """Letters of less than 8.4 pixels."""
    axe: list[str] = field(default_factory=list)
    """Findings of axe: WCAG 2.2 A and AA, and its best practices."""
    console: list[str] = field(default_factory=list)
    """Errors of the page, what its policy refused, and requests beyond the file itself."""
    text: str = ""
    """What can be read on it."""

    @property
    def faults(self) -> dict[str, list[str]]:
        """All that is wrong, by kind; empty: nothing."""
        every = {name: getattr(self, name) for name in ("beyond", "overlaps", "letters", "small", "axe", "console")}
        return {name: found for name, found in every.items() if found}


def available() -> str:
    """Why pages can't be opened here: empty where they can. A test skips, saying so."""
    if _program() is None:
        return "chromium not found; install Debian's package chromium"
    return npm.available()


def look(looks: Sequence[Look], timeout_s: float = 240.0) -> list[PageFaults]:
    """What each look shows, in order. Raises ResourceError where the browser can't run."""
    folder, program = npm.installed("browser"), _program()
    order = {"chromium": program, "pages": [_order(one) for one in looks]}
    done = subprocess.run(
        ["node", str(folder / "look.mjs")], input=json.dumps(order), capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode != 0:
        raise ResourceError(f"the browser failed: {last_lines(done.stderr)[:400]}", field="peers")
    return [PageFaults(**found) for found in json.loads(done.stdout)]


def _program() -> str | None:
    return next((path for name in _PROGRAMS if (path := shutil.which(name))), None)


def _order(one: Look) -> dict[str, Any]:
    made: dict[str, Any] = {name: getattr(one, name) for name in ("width", "height", "dark", "print", "scripts", "steps", "whole")}
    made |= {"url": one.path.absolute().as_uri(), "axe": one.axe and one.scripts}
    made |= {name: str(path) for name, path in (("shot", one.shot), ("pdf", one.pdf)) if path is not None}
    return made
