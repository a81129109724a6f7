"""One text for one value: what is hashed or compared as text must not depend on the order in which it was put together."""

from __future__ import annotations

import json
from typing import Any

_WRITTEN = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_ASCII = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def text(value: Any) -> str:
    """JSON with sorted keys and no blanks. Raises ValueError for a number that is not finite, TypeError for what is no JSON.

    >>> text({"b": [1.5, None], "a": "Müller"})
    '{"a":"Müller","b":[1.5,null]}'
    """
    return _WRITTEN(value)


def ascii_text(value: Any) -> str:
    r"""The same with `\u00fc` in place of ü: content hashes of assessments, alerts and questions are made of it.

    >>> ascii_text({"a": "Müller"}) == r'{"a":"M\u00fcller"}'
    True
    """
    return _ASCII(value)
