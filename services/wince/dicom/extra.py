"""The extra `imaging`: asked for by name where it is needed and absent."""

from __future__ import annotations

import importlib.util

from wince.errors import ConfigError

PACKAGES = ("pydicom", "highdicom", "gdcm", "starlette", "uvicorn")


def quiet() -> None:
    """Have pydicom check no values: its warnings quote them, and they may be names. What we write is checked where it is made."""
    from pydicom import config

    config.settings.reading_validation_mode = config.settings.writing_validation_mode = config.IGNORE


def require() -> None:
    """Raises ConfigError where a package of the extra is absent."""
    absent = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if absent:
        what = f"DICOM needs the extra imaging: {', '.join(absent)} can't be imported"
        raise ConfigError(what, field="imaging", remedy="install it: `make imaging` in the clone (docs/how-to/install.md)")
