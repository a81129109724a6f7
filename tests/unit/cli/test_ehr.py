"""`wince ehr`: public keys, and nothing private."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.serve.test_expiry import URL, key


def test_the_public_keys_are_printed(wince: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one in use and the next one, whose ids differ."""
    named = {"EHR_URL": URL, "EHR_KEY_FILE": key(tmp_path), "EHR_NEXT_KEY_FILE": key(tmp_path, "next.pem"), "EHR_NEXT_KEY_ID": "n"}
    for name, value in named.items():
        monkeypatch.setenv(f"WINCE_{name}", str(value))
    done = wince("ehr", "jwks")
    assert done.code == 0
    assert [(one["kid"], one["alg"]) for one in json.loads(done.out)["keys"]] == [("1", "ES384"), ("n", "ES384")]
    assert '"d"' not in done.out
    monkeypatch.setenv("WINCE_EHR_NEXT_KEY_ID", "1")
    assert wince("ehr", "jwks").code == 4


def test_nothing_is_read_back_where_no_ehr_is_set(wince: Any) -> None:
    """It must not look as if nothing were written."""
    done = wince("ehr", "readback")
    assert done.code == 4
    assert "WINCE_EHR_URL" in done.err
