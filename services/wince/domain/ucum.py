"""Units of UCUM (Unified Code for Units of Measure, case sensitive) that a protocol's scale, or what stands beside it, may have."""

import re

SYSTEM = "http://unitsofmeasure.org"
_UNIT = re.compile(r"\{[!-z|~]+\}|1|%|10\*-?\d+|m|[cm]m|m?s|min|h|d|wk|mo|a|Hz|/(?:min|h|d)|deg")


def is_unit(code: str) -> bool:
    """Whether a code is such a unit.

    >>> is_unit("{score}"), is_unit("1"), is_unit("painlevels")
    (True, True, False)
    """
    return _UNIT.fullmatch(code) is not None
