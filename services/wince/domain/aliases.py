"""Several identifiers of one person, or of one visit: which of them stands for the others. Pure.

The hospital merges numbers (HL7 v2.5.1 section 3.6.2): the old one is given up for a survivor. Survivors are merged in turn, and a merge
that was the wrong way round is turned. The links in the order in which the hospital said them decide, not the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable

from wince.domain.census import Link
from wince.domain.stay import Identifier


def survivors(links: Iterable[Link]) -> dict[Identifier, Identifier]:
    """Every linked identifier -> the one that stands for it now. `links`: of one kind.

    A merge into a number that was given up goes to that number's survivor. A link between two numbers that are one already counts only
    where it gives up their survivor: then the other one stands for all.
    """
    found: dict[Identifier, Identifier] = {}
    for link in sorted(links, key=lambda one: (one.known_us, *_name(one.old), *_name(one.new))):
        old, new = found.setdefault(link.old, link.old), found.setdefault(link.new, link.new)
        if old != new:
            into = new
        elif link.old == old:
            into = link.new
        else:
            continue
        for one, stands in found.items():
            if stands in (old, new):
                found[one] = into
    return found


def _name(identifier: Identifier) -> tuple[str, str]:
    return identifier.system, identifier.value
