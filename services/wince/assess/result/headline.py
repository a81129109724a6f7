"""The headline in words: the same parts in the same order for the line of a clip, the table of a batch, speech and a notebook."""

from __future__ import annotations

from wince.assess.result.values import Headline, Held
from wince.domain.frame import US

LONGEST = "longest (PEEA)"
"""The rule is PEEA's: a clip's grade is the one that held longest."""
UNGRADED = "not assessable"
NAMED = 5
"""Alerts whose time is said; of more only their number is."""


def parts(headline: Headline) -> list[str]:
    """Alerts; the highest grade that held; the longest, with its confidence; the assessable share; why not.

    Of a still picture, which has no alerts and in which nothing lasts: its grade with its confidence, and the rest.
    """
    said = [] if headline.still else [alerts(headline)]
    said += grades(headline)
    said.append(f"assessable {headline.assessable_share:.0%}")
    return [*said, reasons(headline)] if headline.reasons else said


def alerts(headline: Headline) -> str:
    """Such as "alert high at 6.4 s", "2 alerts: high at 6.4 s, high at 31.0 s", "no alert"."""
    count = len(headline.alerts)
    if not count:
        return "no alert"
    times = [f"{one.grade_name} at {one.start_us / US:.1f} s" for one in headline.alerts[:NAMED]]
    return f"alert {times[0]}" if count == 1 else f"{count} alerts: " + ", ".join([*times, *(["..."] if count > NAMED else [])])


def grades(headline: Headline) -> list[str]:
    """The highest grade that held, then the longest with its confidence; one part where they are the same."""
    highest, longest = headline.highest, headline.longest
    sure = "" if headline.confidence is None else f", confidence {headline.confidence:.2f}"
    if longest is None:
        return [UNGRADED] if highest is None else [f"highest: {held(highest)}", UNGRADED]
    if headline.still:
        return [f"{longest.name} in one picture{sure}"]
    if highest == longest:
        return [f"highest and {LONGEST}: {held(longest)}{sure}"]
    return [*([] if highest is None else [f"highest: {held(highest)}"]), f"{LONGEST}: {held(longest)}{sure}"]


def held(grade: Held | None) -> str:
    """Such as "high 9.2 s"; a dash where there is none."""
    if grade is None:
        return "-"
    return grade.name if grade.seconds is None else f"{grade.name} {grade.seconds:.1f} s"


def reasons(headline: Headline) -> str:
    """Frames without a grade, per reason, such as "dark x61, none x3"; a dash where there are none."""
    return ", ".join(f"{reason.value} x{count}" for reason, count in headline.reasons.items()) or "-"
