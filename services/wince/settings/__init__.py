"""What an installation sets: environment variables `WINCE_*`, a TOML file, secrets from files.

Order, strongest first: arguments, environment, files named by `WINCE_<NAME>_FILE` (secrets), the TOML file in `WINCE_CONFIG`,
defaults. Unknown keys are refused, in the file and in the environment.
"""

from wince.settings.cameras import Camera
from wince.settings.loading import load
from wince.settings.whole import Settings

__all__ = ["Camera", "Settings", "load"]
