"""How far this machine's clock and another's are apart."""

from __future__ import annotations

from wince.serve.checks.finding import Finding, missing, ok, warning

SOFT_S, HARD_S = 5.0, 60.0
"""From here on events of two machines are put in the wrong order; from here on sign-ins are refused."""


def finding(whose: str, theirs_s: float, before_s: float, after_s: float, exact_s: float = 0.0) -> Finding:
    """`theirs_s`: what the other clock said, seconds since 1970, known to `exact_s`; ours before and after it was asked."""
    ahead = before_s - exact_s - theirs_s, theirs_s - after_s - exact_s
    offset = max(0.0, *ahead)
    side = "ahead of" if ahead[0] > ahead[1] else "behind"
    what, remedy = f"clock, {whose}", "keep the time of both by NTP"
    found = f"this machine is {offset:.1f} s {side} {whose}"
    if offset >= HARD_S:
        return missing(what, found, remedy)
    return warning(what, found, remedy) if offset >= SOFT_S else ok(what, f"within {max(offset, exact_s, after_s - before_s):.1f} s")
