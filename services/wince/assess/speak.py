"""The result, spoken: Debian's espeak-ng, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from wince.assess.plain import headline
from wince.assess.result import ClipResult
from wince.protocols.rules import ClinicalProtocol
from wince.telemetry.output import last_lines

PROGRAM = "espeak-ng"


def sentence(results: Sequence[ClipResult], protocol: ClinicalProtocol) -> str:
    """The result as one sentence with the protocol's label; no file name, which may hold a patient's.

    >>> sentence([], None)
    'Nothing was assessed.'
    """
    if not results:
        return "Nothing was assessed."
    if len(results) == 1:
        return _one(results[0], protocol)
    counts: dict[str, int] = {}
    for result in results:
        what = "failed" if result.error else headline(result).grade_name or "not assessable"
        counts[what] = counts.get(what, 0) + 1
    order = [*(band.name for band in protocol.scale.grades), "not assessable", "failed"]
    said = ", ".join(f"{counts[name]} {name}" for name in order if name in counts)
    return f"{len(results)} inputs: {said}; {protocol.report.label}."


def _one(result: ClipResult, protocol: ClinicalProtocol) -> str:
    best = headline(result)
    if result.error:
        return "The input could not be assessed."
    if best.grade is None:
        why = next(iter(result.reasons), None)
        return "Not assessable" + (f": {why.value.replace('_', ' ')}." if why is not None else ".")
    if result.still:
        return f"{best.grade_name.capitalize()}, in one picture; {protocol.report.label}."
    return (
        f"{best.grade_name.capitalize()} for {best.seconds[best.grade_name]:.0f} of {result.duration_s:.0f} seconds, "
        f"{100 * result.assessable_share:.0f} percent assessable; {protocol.report.label}."
    )


def say(text: str) -> str:
    """Say it and wait until it is said. Gives why it could not be said, with the remedy; empty where it was."""
    program = shutil.which(PROGRAM)
    if program is None:
        return f"--speak: {PROGRAM} is not installed; remedy: `apt install {PROGRAM}`. It would have said: {text}"
    try:
        done = subprocess.run([program, "--", text], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"--speak: {PROGRAM} failed ({type(error).__name__}); remedy: is there a sound device? It would have said: {text}"
    if done.returncode != 0:
        said = last_lines(done.stderr + done.stdout) or f"exit code {done.returncode}"
        return f"--speak: {PROGRAM} failed ({said}); remedy: is there a sound device? It would have said: {text}"
    return ""
