"""What the comments of values.yaml say: `# -- ...` above a key, and further lines of the same comment."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BEGIN, _MORE, _KEY = re.compile(r"^( *)# -- (.*)"), re.compile(r"^( *)# (.*)"), re.compile(r"^( *)([A-Za-z0-9]+):(?: (.*))?$")
IN_BLOCK = "(see values.yaml)"


@dataclass(frozen=True, slots=True)
class Value:
    """One value that is explained."""

    path: str
    """Such as rpc.tls.enabled."""
    default: str
    """As it stands in values.yaml; IN_BLOCK where it takes several lines."""
    meaning: str


def said(text: str) -> list[Value]:
    """Every value with a comment, in order.

    >>> said("# -- Its port.\\nport: 1\\nmore:\\n  # -- Whether.\\n  # Or not.\\n  on: true\\n")
    [Value(path='port', default='1', meaning='Its port.'), Value(path='more.on', default='true', meaning='Whether. Or not.')]
    """
    found: list[Value] = []
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        if begin := _BEGIN.match(line):
            comment = [begin[2]]
        elif comment and (more := _MORE.match(line)):
            comment.append(more[2])
        elif key := _KEY.match(line):
            path = [*path[: len(key[1]) // 2], key[2]]
            if comment:
                found.append(Value(".".join(path), key[3] or IN_BLOCK, " ".join(comment)))
            comment = []
        else:
            comment = []
    return found
