"""Certificates and keys that Wince identifies itself with: which of them end soon, or have ended."""

from __future__ import annotations

from datetime import UTC, datetime

from wince.serve import expiry
from wince.serve.status.interface import Figures, Look, Row, State


def credentials(look: Look) -> list[Row]:
    """A row for each that is set and has an end, one where there is none."""
    now = datetime.fromtimestamp(look.now_us / 1e6, UTC)
    rows = [_row(found, now) for found in expiry.credentials(look.settings)]
    return rows or [Row("credentials", "credentials", State.OK, "none that ends is set")]


def _row(found: expiry.Credential, now: datetime) -> Row:
    left = found.left(now)
    figures: Figures = {"left_s": left.total_seconds()}
    if left.total_seconds() <= 0:
        return Row("credentials", found.name, State.BAD, f"ended on {found.ends:%Y-%m-%d}", None, "it has ended", found.remedy, figures)
    said = f"until {found.ends:%Y-%m-%d}"
    if left < expiry.SOON:
        return Row("credentials", found.name, State.WARNING, said, None, f"it ends in {left.days} days", found.remedy, figures)
    return Row("credentials", found.name, State.OK, said, figures=figures)
