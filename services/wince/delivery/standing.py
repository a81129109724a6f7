"""What a site says of a protocol's scorer, and what follows for what a target gets: one rule for all kinds of target."""

from __future__ import annotations

from collections.abc import Container, Mapping

from wince.domain.entry import Entry, Kind

STANDINGS = ("research", "approved", "final")
"""Not approved; approved, a nurse confirms; approved, and final without her. A protocol that is not named is research."""


def takes(entry: Entry, statuses: Container[str], standing: Mapping[str, str]) -> bool:
    """Whether an entry goes to a target that takes these statuses.

    One that takes final values only gets a nurse's own, and of the software's what the site lets stand: where it is approved, what a nurse
    confirmed; where it is final, all. Once one revision went there, all later ones do.
    """
    if "preliminary" in statuses or entry.kind is Kind.VERDICT:
        return True
    said = standing.get(entry.protocol, "research")
    return said == "final" or (said == "approved" and bool(entry.nurse))


def status(entry: Entry, standing: Mapping[str, str]) -> str:
    """The status under which an entry is written: what a site lets stand without a nurse is final."""
    lasting = entry.status == "preliminary" and standing.get(entry.protocol) == "final"
    return "final" if lasting else entry.status
