"""Two validators of R4 in JavaScript, by npm: `fhir` 4.12.0 and Medplum's 5.2.13; some seconds for a batch."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wince.errors import ResourceError
from wince.local.npm import installed
from wince.telemetry.output import last_lines


@dataclass(frozen=True, slots=True)
class Opinions:
    """Errors that each of them finds in a resource; empty: none."""

    fhir: tuple[str, ...]
    medplum: tuple[str, ...]


def opinions(resources: Sequence[dict[str, Any]], timeout_s: float = 240.0) -> list[Opinions]:
    """What both say of resources, in order. Raises ResourceError where they can't run."""
    folder = installed("npm")
    done = subprocess.run(
        ["node", str(folder / "validate.mjs")], input=json.dumps(resources), capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode != 0:
        raise ResourceError(f"the validators failed: {last_lines(done.stderr)[:400]}", field="peers")
    return [Opinions(tuple(one["fhir"]), tuple(one["medplum"])) for one in json.loads(done.stdout)]
