"""`wince assess` as a process of its own, as a person starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


class Called:
    """One call of the command."""

    def __init__(self, state: Path, *arguments: object, preexec: Callable[[], None] | None = None, **extra: str) -> None:
        self.done = subprocess.run(
            [sys.executable, "-m", "wince.cli.main", "assess", *map(str, arguments)],
            env=environment(state) | extra, capture_output=True, text=True, timeout=280, check=False, preexec_fn=preexec,
        )  # fmt: skip
        self.code, self.out, self.err = self.done.returncode, self.done.stdout, self.done.stderr

    def clips(self) -> dict[str, dict]:
        """What `--json -` printed, by file name."""
        return {Path(one["path"]).name: one for one in json.loads(self.out)["clips"]}


def environment(state: Path) -> dict[str, str]:
    """The caller's, with no setting of Wince but the folder of models, and a state of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_") or name == "WINCE_MODELS_DIR"}
    return clean | {"WINCE_STATE_DIR": str(state)}
