"""The faces of an input by their numbers: what a user needs to choose one, and what became of that choice."""

from __future__ import annotations

from wince.domain.frame import US
from wince.errors import MediaError
from wince.pipeline.detect.lineup import Lineup, Sighting

MOST = 9
"""Faces that are named."""


def notes(lineup: Lineup, wanted: int | None) -> tuple[str, ...]:
    """What a reader must know of several faces, or of the one that was chosen. `wanted`: the option --face.

    Raises MediaError where faces were seen, but not as many as the wanted number.
    """
    if wanted is not None and 0 < len(lineup) < wanted:
        faces = "one face was seen" if len(lineup) == 1 else f"{len(lineup)} faces were seen"
        raise MediaError(f"only {faces}", field=f"--face {wanted}", remedy=f"give 1 to {len(lineup)}: {_all(lineup)}")
    if wanted is not None and lineup:
        return (f"face {wanted} of {len(lineup)} was chosen (--face): first seen {_where(lineup[wanted - 1])}",)
    if len(lineup) < 2:
        return ()
    return (f"faces by number: {_all(lineup)}; choose one with --face N, or --region",)


def _all(lineup: Lineup) -> str:
    named = [f"{one.number} {_where(one)}" for one in lineup[:MOST]]
    return ", ".join(named) + (f" and {len(lineup) - MOST} more" if len(lineup) > MOST else "")


def _where(one: Sighting) -> str:
    x, y = (one.first[0] + one.first[2]) / 2, (one.first[1] + one.first[3]) / 2
    return f"at {one.first_us / US:.1f} s, {x:.0%} from the left and {y:.0%} from the top"
