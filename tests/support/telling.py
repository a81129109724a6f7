"""What a text tells of a patient. Digits that a clock, a hash or a random id wrote there by chance tell nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CHANCE = re.compile(
    r"""(?<=\d\d:\d\d:\d\d)\.\d{1,9}(?=Z|[+-]\d\d|\s|")                                     # the fraction of a moment's second
    | (?<![0-9A-Za-z])[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9A-Za-z])             # a UUID
    | (?<![0-9A-Za-z])(0x)?(?=[0-9]*[a-f])[0-9a-f]{12,}(?![0-9A-Za-z])                     # a hash, a pseudonym, the id of a span
    | (?<=\d)\.\d{7,}(?!\d)                                                                # the fraction of a measured number""",
    re.VERBOSE,
)
SHORT = 7
"""A number with fewer digits counts where it stands alone: as a part of a port or of another moment it comes by chance."""


def told(text: str, secrets: Iterable[str]) -> list[str]:
    """Those of the secrets that stand in the text. Give a short number, such as a year of birth, in its longer forms, too."""
    left = _CHANCE.sub("~", text)

    def stands(secret: str) -> bool:
        if secret.isdecimal() and len(secret) < SHORT:
            return re.search(rf"(?<!\d){secret}(?!\d)", left) is not None
        return secret in left

    return [secret for secret in secrets if stands(secret)]
