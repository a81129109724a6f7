"""What a clip came to, first thing: alerts, the highest grade that held, the grade that held longest, and what a reader must know."""

from __future__ import annotations

from wince.assess.result import ClipResult, Held
from wince.assess.result.words import REASONS, lines, number, share, span, without_folders
from wince.domain.frame import US
from wince.protocols.rules import ClinicalProtocol
from wince.report.document import Block, Bullets, Headline, Section
from wince.report.figure import clock
from wince.report.grades import badge

_NAMED = 3
"""Alerts whose time is said; of more only their number is."""
_MUCH = 0.1
"""Share of a clip that, if it could not be assessed, stands beside the grade: a quiet half hour of which most was dark is not quiet."""


def outcome(result: ClipResult, protocol: ClinicalProtocol) -> Section:
    """The section that leads."""
    first, many = result.headline, len(protocol.scale.grades)
    if first.highest is None:
        lead = f"Not assessable is not the same as no pain. Why frames were left out: {why_not(result) or 'too few frames'}."
        return Section("Result", (Headline("not assessable", lead, ((share(result.assessable_share), "assessable"),)), *_notes(result)))
    big = lines(first.highest.name)
    if first.alerts:
        big = f"{'Alert' if len(first.alerts) == 1 else f'{len(first.alerts)} alerts'}: {big}"
    unseen = 1 - result.assessable_share
    if unseen >= _MUCH:
        big += f"; {share(unseen)} not assessable"
    lead = " ".join(_said(result))
    return Section("Result", (Headline(big, lead, _tiles(result, protocol), badge(first.highest.grade, many)), *_notes(result)))


def why_not(result: ClipResult) -> str:
    """The commonest reasons, with their share of all frames."""
    total = max(len(result.frames), sum(result.reasons.values()))
    order = sorted(result.reasons, key=lambda reason: (-result.reasons[reason], reason))
    return ", ".join(f"{REASONS[reason]} ({share(result.reasons[reason] / total)} of the frames)" for reason in order[:3])


def longest(grade: Held | None) -> str:
    """The grade that held longest and for how long.

    >>> longest(Held(0, "quiet", 14.6)), longest(Held(0, "quiet", None)), longest(None)
    ('quiet, 14.6 s', 'quiet', 'not assessable')
    """
    if grade is None:
        return "not assessable"
    return lines(grade.name) if grade.seconds is None else f"{lines(grade.name)}, {span(grade.seconds)}"


def notes(result: ClipResult) -> list[str]:
    """What a reader must know, without folders."""
    return [without_folders(lines(note), result.path) for note in result.notes]


def _said(result: ClipResult) -> list[str]:
    """The sentences below the grade, in the order in which they matter."""
    first = result.headline
    way = "" if result.personal is None else " against the calm face that was given"
    if result.still:
        return [f"One picture, graded by its score{way}."]
    times = ", ".join(f"{lines(one.grade_name)} at {clock(one.start_us / US, result.duration_s)}" for one in first.alerts[:_NAMED])
    more = f" and {len(first.alerts) - _NAMED} more" if len(first.alerts) > _NAMED else ""
    said = [f"Alert: {times}{more}." if first.alerts else "No alert was raised."]
    if first.highest is not None and first.highest.seconds is not None:
        said.append(f"Highest grade that held: {longest(first.highest)}.")
    if first.longest is not None:
        sure = "" if first.confidence is None else f"; the model's confidence in it is {share(first.confidence)}"
        said.append(f"Grade that held longest (PEEA's rule): {longest(first.longest)} of {span(result.duration_s)}{way}{sure}.")
    if result.reasons:
        said.append(f"Not assessable: {why_not(result)}.")
    return said


def _tiles(result: ClipResult, protocol: ClinicalProtocol) -> tuple[tuple[str, str], ...]:
    reading, first = result.reading, result.headline
    scale = f"{protocol.scale.low:g} to {protocol.scale.high:g}"
    if result.still:
        tiles = [(number(reading.median), f"score, {scale}"), (share(first.confidence), "model's confidence")]
    else:
        tiles = [
            (str(len(first.alerts)), "alert" if len(first.alerts) == 1 else "alerts"),
            (number(reading.peak), f"peak score, {scale}"),
            (number(reading.median), f"median score, {scale}"),
        ]
    return (*tiles, (share(first.assessable_share), "assessable"))


def _notes(result: ClipResult) -> tuple[Block, ...]:
    found = notes(result)
    if result.faces > 1:
        found.append(f"Up to {result.faces} faces were seen in one frame; none is chosen silently.")
    return (Bullets(tuple(f"Note: {note}" for note in found)),) if found else ()
