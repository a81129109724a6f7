"""HAPI's R4 instance validator, offline: 5 s for the first resource, then about 25 ms; one JVM for many."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wince.errors import ResourceError
from wince.local.maven import classpath


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding."""

    severity: str
    """error, fatal, warning or information."""
    place: str
    message: str


class JavaValidator:
    """Validates resources in batches, each batch in one JVM."""

    def validate(
        self,
        resources: Sequence[dict[str, Any]],
        *,
        terminology: Sequence[dict[str, Any]] = (),
        packages: Sequence[Path] = (),
        profile: str = "",
        timeout_s: float = 240.0,
    ) -> list[list[Issue]]:
        """Findings per resource, in order; empty lists where all is well.

        terminology: CodeSystems and ValueSets that come before those of R4. packages: FHIR packages (.tgz). profile: canonical URL
        that each resource must also meet.

        Raises ResourceError where the validator can't run or leaves a resource out.
        """
        with tempfile.TemporaryDirectory(prefix="wince-validator-") as scratch:
            names = [f"{number:05d}.json" for number in range(len(resources))]
            for name, resource in zip(names, resources, strict=True):
                (Path(scratch) / name).write_text(json.dumps(resource))
            command = ["java", "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classpath("validator"), "Val"]
            for package in packages:
                command += ["-p", str(package)]
            for number, resource in enumerate(terminology):
                path = Path(scratch) / f"terminology-{number}.json"
                path.write_text(json.dumps(resource))
                command += ["-r", str(path)]
            command += ["-profile", profile, "-"] if profile else ["-"]
            paths = "".join(f"{Path(scratch) / name}\n" for name in names)
            try:
                done = subprocess.run(command, input=paths, capture_output=True, text=True, timeout=timeout_s, check=False)
            except subprocess.TimeoutExpired:
                raise ResourceError(f"the validator did not end within {timeout_s:.0f} s", field="peers") from None
        found: dict[str, list[Issue]] = {}
        ended = set()
        for line in done.stdout.splitlines():
            fields = line.split("\t")
            if len(fields) >= 3 and fields[1] == "DONE":
                ended.add(fields[0])
            elif len(fields) >= 6:
                found.setdefault(fields[0], []).append(Issue(fields[1].lower(), fields[2], fields[5]))
        if left := [name for name in names if name not in ended]:
            tail = " | ".join(done.stderr.strip().splitlines()[-3:])
            raise ResourceError(f"the validator left {len(left)} of {len(names)} resources out: {tail}", field="peers")
        return [found.get(name, []) for name in names]
