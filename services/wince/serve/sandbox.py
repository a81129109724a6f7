"""The EHR sandbox that `wince run` and `wince up` start where no EHR is set, and the settings by which it is reached."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from wince.serve.state_dir import Places, secret
from wince.settings import Settings
from wince.testing.ehr import EhrSandbox


def start(settings: Settings, places: Places, stack: ExitStack) -> tuple[EhrSandbox, dict[str, str | Path]]:
    """The sandbox, and what must be set to write into it: field name -> value. `stack` ends it."""
    sandbox = stack.enter_context(EhrSandbox(places.ehr))
    made = sandbox.new_client(settings.ehr_client_id)
    key = secret(places.root / "run" / "ehr-key.pem", made.key_pem.decode())
    reached = {"ehr_url": sandbox.base_url, "ehr_auth": "smart", "ehr_client_id": made.client_id, "ehr_key_id": made.kid}
    return sandbox, {**reached, "ehr_key_file": key}
