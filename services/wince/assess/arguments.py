"""Errors in a Python caller's words: they name the argument of `wince.assess` where the command's name its option."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from wince.errors import WinceError

_OPTION = re.compile(r"(?<!\S)--(region|rotation|rate|face|seconds|reference|login-file)\b")


def renamed(text: str) -> str:
    """The text with the names of arguments.

    >>> renamed("needs --login-file with one line")
    'needs login_file with one line'
    """
    return _OPTION.sub(lambda match: match[1].replace("-", "_"), text)


@contextmanager
def argument_names() -> Iterator[None]:
    """Whatever error leaves the block names arguments."""
    try:
        yield
    except WinceError as error:
        error.message, error.remedy = renamed(error.message), renamed(error.remedy)
        error.field = error.field if error.is_path else renamed(error.field)
        error.args = (error.message,)
        raise
