"""The extra `imaging`: asked for by name where it is needed and absent."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from wince.errors import ConfigError

REPORTS = ("pydicom", "highdicom")
"""What reports to an archive take."""
PACKAGES = (*REPORTS, "gdcm", "starlette", "uvicorn")
"""What all of DICOM takes."""


def quiet() -> None:
    """Have pydicom check no values: its warnings quote them, and they may be names. What we write is checked where it is made."""
    from pydicom import config

    config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE


def require(packages: Sequence[str] = PACKAGES) -> None:
    """Raises ConfigError where a package of the extra is absent. `packages`: those that are wanted."""
    absent = [name for name in packages if importlib.util.find_spec(name) is None]
    if absent:
        what = f"DICOM needs the extra imaging: {', '.join(absent)} can't be imported"
        raise ConfigError(what, field="imaging", remedy="install it: `make imaging` in the clone (docs/how-to/install.md)")
