"""Debian's packages of the images by version, as the mirror has them now: debian.lock, debian-java.lock, debian-build.lock."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from images import contents, roots

ADDED = {"java": "openjdk-17-jre-headless", "build": "python3-pip"}
"""What is installed over the operating system, by the lock's name."""


def renew(cache: Path) -> None:
    """Write all three. Raises BuildError."""
    folder = contents.ROOT / "images"
    scratch = cache / f"lock-{os.getpid()}"
    sources = scratch / "sources"
    sources.mkdir(parents=True)
    (sources / "debian.sources").write_text("\n\n".join(roots.sources()) + "\n")
    shutil.rmtree(cache / f"debian-{roots.SUITE}", ignore_errors=True)
    base = roots.bootstrap(cache / f"debian-{roots.SUITE}")
    try:
        with roots.Root([base], scratch / "upper", scratch / "at", {"/src": contents.ROOT, "/sources": sources}) as root:
            root.run("apt.sh", "/src/images/debian.txt")
            known: dict[str, str] = {}
            for name, word in (("", ""), *ADDED.items()):
                apt = ["chroot", str(root.at), "apt-get", "-y", "-qq", "--no-install-recommends"]
                subprocess.run([*apt, *(["install", word] if word else ["upgrade"])], check=True, capture_output=True)
                now = _installed(root.at)
                lines = [f"{one}={now[one]}" for one in sorted(now) if one not in known]
                (folder / f"debian{'-' * bool(name)}{name}.lock").write_text("\n".join(lines) + "\n")
                known |= now
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _installed(root: Path) -> dict[str, str]:
    command = ["chroot", str(root), "dpkg-query", "--show", "--showformat", "${Package}=${Version}\n"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return dict(line.split("=", 1) for line in lines)
