"""How a command of the lab ends (`python -m wince.lab...`): its figures on standard output, an error in one line, the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from wince.errors import WinceError


def ended(work: Callable[[], object]) -> int:
    """Does it and prints what it gives as JSON (None: nothing); the exit code of the WinceError that ended it, or 0."""
    try:
        if (found := work()) is not None:
            print(json.dumps(found, indent=1))
    except WinceError as error:
        print("wince: " + error.diagnostics(), file=sys.stderr)
        return error.exit_code
    return 0
