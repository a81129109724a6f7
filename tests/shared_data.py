"""Test data that is not part of the repository: `../shared/data` beside the checkout, or the folder in WINCE_SHARED."""

import os
from pathlib import Path

import pytest


def shared(relative: str) -> Path:
    """Path below shared/data; skips the calling test, saying so, where it is absent."""
    root = Path(os.environ.get("WINCE_SHARED", Path(__file__).resolve().parents[2] / "shared" / "data"))
    path = root / relative
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{relative} (not present)")
    return path
