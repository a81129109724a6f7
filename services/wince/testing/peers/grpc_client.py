"""A foreign client in TypeScript: stubs made from the protos by ts-proto, compiled, and run on the whole path against services."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from wince.errors import ResourceError
from wince.local.npm import installed
from wince.telemetry.output import last_lines

FOLDER = "grpc_client"
OPTIONS = "outputServices=grpc-js,forceLong=bigint,importSuffix=.js,esModuleInterop=true,useOptionals=messages,emitImportedFiles=false"
STANDARD = (
    "google/rpc/status.proto", "google/rpc/error_details.proto", "google/protobuf/any.proto", "google/protobuf/duration.proto",
)  # fmt: skip
"""What a client of any API takes from googleapis."""


def compiled(protos: Path, googleapis: Path, folder: Path, timeout_s: float = 300.0) -> Path:
    """The client's script, generated and type-checked in `folder`, which must not be there. `protos`: the repository's; `googleapis`:
    where google/rpc lies. Raises ResourceError where its tools can't be had, or they find a fault."""
    made = installed(FOLDER)
    shutil.copytree(made, folder, symlinks=True, ignore=lambda *_: ["node_modules"])
    (folder / "node_modules").symlink_to(made / "node_modules")
    (folder / "api").mkdir()
    ours = sorted(path.relative_to(protos).as_posix() for path in (protos / "wince").rglob("*.proto"))
    include = [f"-I{protos}", f"-I{googleapis}", f"-I{files('grpc_tools') / '_proto'}"]
    plugin = f"--plugin=protoc-gen-ts_proto={made / 'node_modules/ts-proto/protoc-gen-ts_proto'}"
    wanted = [*(path for path in ours if "open_inference" not in path), *STANDARD]
    out = [f"--ts_proto_out={folder / 'api'}", f"--ts_proto_opt={OPTIONS}"]
    _run([sys.executable, "-m", "grpc_tools.protoc", *include, plugin, *out, *wanted], folder, timeout_s)
    _run(["node", str(made / "node_modules/typescript/bin/tsc"), "--project", "."], folder, timeout_s)
    return folder / "out/client.js"


def walk(script: Path, wanted: Mapping[str, Any], timeout_s: float = 180.0) -> dict[str, Any]:
    """Run it; what it found. `wanted`: as `Wanted` in client.ts. Raises ResourceError where it fails."""
    said: dict[str, Any] = json.loads(_run(["node", str(script)], script.parent, timeout_s, json.dumps(wanted)))
    return said


def _run(command: Sequence[str], folder: Path, timeout_s: float, given: str = "") -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_")}
    try:
        done = subprocess.run(
            command, cwd=folder, input=given, capture_output=True, text=True, timeout=timeout_s, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        raise ResourceError(f"{Path(command[0]).name} did not end within {timeout_s} s", field="peers") from None
    if done.returncode != 0:
        raise ResourceError(f"{Path(command[0]).name} failed: {last_lines(done.stderr + done.stdout)}", field="peers")
    return done.stdout
