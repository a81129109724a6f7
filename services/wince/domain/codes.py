"""Codes of a site, as system|code. Pure."""

from collections.abc import Iterable, Sequence


def listed(codes: Iterable[str], wanted: Sequence[str]) -> str:
    """The first of `codes` that is wanted; empty where none is. A wanted one that ends in * is the begin of a code, as in ATC.

    >>> listed(["http://www.whocc.no/atc|M03AC09"], ["http://www.whocc.no/atc|M03A*"])
    'http://www.whocc.no/atc|M03AC09'
    >>> listed(["http://www.whocc.no/atc|M03B"], ["http://www.whocc.no/atc|M03A*"])
    ''
    """
    for code in codes:
        for one in wanted:
            if code == one or (one.endswith("*") and code.startswith(one[:-1])):
                return code
    return ""
