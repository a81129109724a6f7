r"""Control characters in text from outside: no name, number or reason of a person holds one. PostgreSQL refuses NUL, a line end forges a
line of a log or a report, an escape moves a terminal's cursor.

>>> has_control("O'Hara, Zoë"), has_control("ICU\x00"), has_control("nurse\r\n7")
(False, True, True)
"""

from __future__ import annotations

import re

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Unicode's categories Cc, Zl and Zp, and lone surrogates: bytes that were none of the encoding."""

WORDS = "must not hold control characters"
"""What a refusal says."""
REMEDY = "send the text without NUL, tabs and line ends"


def has_control(text: str) -> bool:
    """Whether a text holds a control character, a line or paragraph separator, or a byte that was none of its encoding."""
    return not text.isprintable() and _CONTROL.search(text) is not None
