"""The result, spoken: Debian's espeak-ng, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence

from wince.assess.result.clip_result import ClipResult
from wince.assess.result.headline import UNGRADED
from wince.assess.result.values import Headline, Held
from wince.domain.frame import US
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
    return _batch(results, protocol)


def _batch(results: Sequence[ClipResult], protocol: ClinicalProtocol) -> str:
    """Alerts, the highest grades, the longest grades: in the order of the headline."""
    good = [one.headline for one in results if not one.error]
    alerted = sum(bool(one.alerts) for one in good)
    order = [*(band.name for band in reversed(protocol.scale.grades)), UNGRADED]
    highest = Counter(UNGRADED if one.highest is None else one.highest.name for one in good)
    longest = Counter(UNGRADED if one.longest is None else one.longest.name for one in good)
    said = [f"{len(results)} inputs: {alerted or 'none'} with an alert"]
    if good:
        said += [f"highest grade: {_counts(highest, order)}", f"longest grade, by the rule of PEEA: {_counts(longest, order)}"]
    if failed := len(results) - len(good):
        said.append(f"{failed} failed")
    return "; ".join([*said, protocol.report.label]) + "."


def _counts(counts: Counter[str], order: Sequence[str]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in order if name in counts)


def _one(result: ClipResult, protocol: ClinicalProtocol) -> str:
    if result.error:
        return "The input could not be assessed."
    said = "; ".join([*_parts(result.headline, result.duration_s), protocol.report.label])
    return f"{said[0].upper()}{said[1:]}."


def _parts(best: Headline, duration_s: float) -> Iterator[str]:
    highest, longest = best.highest, best.longest
    if best.alerts:
        count = len(best.alerts)
        yield f"{count} alert{'s' * (count > 1)}, the first at {best.alerts[0].start_us / US:.0f} seconds"
    elif longest is not None and not best.still:
        yield "no alert"
    if highest is not None and highest != longest:
        yield f"highest grade {_lasted(highest)} seconds"
    if longest is None:
        why = next(iter(best.reasons), None)
        yield UNGRADED + (f": {why.value.replace('_', ' ')}" if why is not None else "")
    elif best.still:
        yield f"{longest.name}, in one picture"
    else:
        both = "highest and " if highest == longest else ""
        yield f"{both}longest grade, by the rule of PEEA, {_lasted(longest)} of {duration_s:.0f} seconds"
    if longest is not None:
        yield f"{100 * best.assessable_share:.0f} percent assessable"


def _lasted(grade: Held) -> str:
    return f"{grade.name} for {grade.seconds or 0:.0f}"


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
