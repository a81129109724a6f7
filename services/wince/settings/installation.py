"""What every process of an installation needs to know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field

from wince.errors import ConfigError
from wince.settings.part import Part


def _home(of: Callable[[str], Path], field: str) -> Path:
    """A folder of this user's. Raises ConfigError where the user has no home: a container's user often has none."""
    try:
        return of("wince")
    except RuntimeError:
        remedy = f"set {field} (WINCE_{field.upper()}) to a folder that this process may use"
        raise ConfigError("is not set, and this user has no home folder", field=field, remedy=remedy) from None


class Installation(Part):
    """Installation

    Names, folders, protocol.
    """

    site: str = Field(default="wince-demo", min_length=1, max_length=64)
    """Names the installation. It is part of every id: don't change it once patients were watched."""
    state_dir: Path = Field(
        default_factory=lambda: _home(platformdirs.user_state_path, "state_dir"), json_schema_extra={"default": "~/.local/state/wince"}
    )
    """Folder of the embedded PostgreSQL, the EHR sandbox, keys and audit checkpoints."""
    models_dir: Path = Field(
        default_factory=lambda: _home(platformdirs.user_cache_path, "models_dir") / "models",
        json_schema_extra={"default": "~/.cache/wince/models"},
    )
    """Folder of the face models, of a site's own in its folder `site`, and of what was compiled of them for this machine in `compiled`."""
    protocol: str = "activity"
    """The protocol that grades. With rules (`[[routing]]`): the one that reports `population` when no rule fits."""
    protocol_dir: str | None = None
    """A folder with further protocol files, or several separated by colons, as in PATH: the first that holds a protocol wins."""
    face_precision: Literal["f32", "bf16"] = "f32"
    """How exactly the face models compute. bf16 needs a CPU with bfloat16; grades may then differ between machines in the third digit.
    It is faster on some (1.2 times on AMD's Zen 5) and slower on others (0.7 on Intel's Sapphire Rapids without AMX): measure first."""
