"""`make test` runs this beside lint and types: fetches and builds what the tests' peers need, so that no test waits for a download.

One after the other, since two Mavens at once may spoil their repository. What can't be had is named; its tests skip or fail themselves.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from wince.errors import WinceError
from wince.local import maven, npm
from wince.models.fetch import fetch
from wince.models.lock import FACE_MODELS


def needed() -> dict[str, Callable[[], object]]:
    """How to get each, by name: every folder of peers with a pom or a package.json, and the models of faces."""
    found: dict[str, Callable[[], object]] = {"face models": partial(fetch, FACE_MODELS)}
    for folder in sorted(maven.SOURCES.iterdir()):
        if (folder / "pom.xml").is_file():
            found[folder.name] = partial(maven.classpath, folder.name)
        elif (folder / "package.json").is_file():
            found[folder.name] = partial(npm.installed, folder.name)
    return found


def main() -> None:
    """Get them all."""
    began = time.monotonic()
    for name, get in needed().items():
        try:
            get()
        except WinceError as error:
            print(f"{name} can't be had: {error.message}", file=sys.stderr)
    print(f"== peers: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
