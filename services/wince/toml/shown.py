"""What of a file's content an error shows: short and printable, whatever the file holds."""

from __future__ import annotations

_LETTERS = 60


def shown(value: object) -> str:
    """A value as an error shows it: short and printable, whatever it holds.

    >>> shown("yes"), shown("x" * 99), shown([1, 2]), shown(10**5000)
    ("'yes'", "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'...", 'a list', 'a number of 16610 bits')
    """
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, str):
        return ascii(value[:_LETTERS]) + ("..." if len(value) > _LETTERS else "")
    return repr(value)


def named(key: str) -> str:
    """A key of a file as an error names it: as it is, or short and printable."""
    return key if len(key) <= _LETTERS and key.isprintable() else shown(key)
