"""`make test` runs this beside lint and types: fetches and builds what the tests' peers need, so that no test waits for a download.

One after the other, since two Mavens at once may spoil their repository. What can't be had is named; its tests skip or fail themselves.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from images import roots
from images.build import cache
from wince.errors import ResourceError, WinceError
from wince.local import golang, maven, npm, peer_cache
from wince.models.fetch import fetch
from wince.models.lock import FACE_MODELS


def images() -> None:
    """Build the container images that tests start; nothing where this machine can't. Raises ResourceError."""
    if not roots.why_not():
        done = subprocess.run([sys.executable, "-m", "images.build", "--out", str(cache() / "tested")], stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise ResourceError(done.stderr.decode().strip()[-1000:], field="images")


def needed() -> dict[str, Callable[[], object]]:
    """How to get each, by name: every folder of peers with a pom, a package.json or a go.mod, the models of faces, and the images."""
    found: dict[str, Callable[[], object]] = {"face models": partial(fetch, FACE_MODELS)}
    for folder in sorted(peer_cache.SOURCES.iterdir()):
        if (folder / "pom.xml").is_file():
            found[folder.name] = partial(maven.classpath, folder.name)
        elif (folder / "package.json").is_file():
            found[folder.name] = partial(npm.installed, folder.name)
        elif (folder / "go.mod").is_file():
            found[folder.name] = partial(golang.made, folder.name)
    return found | {"images": images}


def main(wanted: Sequence[str]) -> None:
    """Get those that are named, else all."""
    began, all_of_them = time.monotonic(), needed()
    if unknown := sorted(set(wanted) - set(all_of_them)):
        raise SystemExit(f"no such peer: {', '.join(unknown)}; there are {', '.join(all_of_them)}")
    for name, get in all_of_them.items():
        if wanted and name not in wanted:
            continue
        try:
            get()
        except WinceError as error:
            print(f"{name} can't be had: {error.message}", file=sys.stderr)
    print(f"== peers: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
