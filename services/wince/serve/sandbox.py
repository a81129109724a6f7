"""The EHR sandbox that `wince run` and `wince up` start where no EHR is set, and the settings by which it is reached."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.testing.ehr import EhrSandbox


def start(settings: Settings, places: Places, stack: ExitStack) -> tuple[EhrSandbox, dict[str, str | Path]]:
    """The sandbox, and what must be set to write into it: field name -> value. `stack` ends it."""
    sandbox = stack.enter_context(EhrSandbox(places.ehr))
    made = sandbox.new_client(settings.ehr_client_id)
    key = secret(places.root / "run" / "ehr-key.pem", made.key_pem.decode())
    reached = {"ehr_url": sandbox.base_url, "ehr_auth": "smart", "ehr_client_id": made.client_id, "ehr_key_id": made.kid}
    return sandbox, {**reached, "ehr_key_file": key}


def secret(path: Path, content: str) -> Path:
    """A file that its owner alone may read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(content)
    return path
