"""The images of Wince without a container engine: the steps of the Containerfile, run in roots of debootstrap, packed as an OCI layout.

    make images                              all of them, into dist/images
    python -m images.build --component care  one of them
    python -m images.build --lock            Debian's packages by version again: debian*.lock

Needs root, on Debian. Layers are kept in WINCE_IMAGES_CACHE (~/.cache/wince/images) under a hash of what they were made from, so that a
second build packs only what changed. `--again` builds what is kept once more and compares the digests.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path

from images import contents, oci, roots
from images.config import configuration, created_s, version

ROOT = contents.ROOT
STEPS = ROOT / "images" / "steps"
KEPT_S = 2 * 86_400
"""How long a layer is kept that no build asks for any more."""
LAYER_S = 315_532_800
"""The time of everything in a layer: 1980-01-01. So a layer of packages is the same from one commit to the next."""


def cache() -> Path:
    """Where layers are kept."""
    return Path(os.environ.get("WINCE_IMAGES_CACHE") or Path.home() / ".cache/wince/images")


class Builder:
    """Makes layers. One process at a time per cache: `build` holds its lock."""

    def __init__(self, folder: Path | None = None, *, again: bool = False, tell: Callable[[str], None] = print) -> None:
        """`again`: make each layer once more, and fail where it differs from the one that is kept."""
        self._folder, self._again, self._tell = folder or cache(), again, tell
        self._made: dict[str, Path] = {}

    def __enter__(self) -> Builder:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(prefix="scratch-", dir=self._folder))
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)

    @cached_property
    def base(self) -> Path:
        """Debian's minimum, before the locks."""
        return roots.bootstrap(self._folder / f"debian-{roots.SUITE}")

    @cached_property
    def wheels(self) -> Path:
        """Every wheel that any layer takes."""
        folder = self._folder / "wheels"
        mark = folder / f"{_hash(contents.fetched())}.complete"
        if not mark.exists():
            self._tell("wheels")
            command = ["/bin/sh", str(STEPS / "fetch.sh"), str(folder), sys.executable]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise roots.BuildError(done.stderr.strip() or done.stdout.strip())
            mark.touch()
        return folder

    @cached_property
    def _sources(self) -> Path:
        folder = self._scratch / "sources"
        folder.mkdir()
        (folder / "debian.sources").write_text("\n\n".join(roots.sources()) + "\n")
        return folder

    def layer(self, name: str) -> oci.Layer:
        """A layer, made where it is not kept. Raises BuildError."""
        folder = self.folder(name)
        return oci.layer_of(json.loads((folder / "layer.json").read_text()))

    def folder(self, name: str) -> Path:
        """Where a layer's `layer.tar.gz`, `layer.json` and `tree` (the tar, unpacked) lie."""
        if name not in self._made:
            self._made[name] = self._kept(name)
        return self._made[name]

    def tree(self, name: str) -> Path:
        """What a layer holds."""
        return self.folder(name) / "tree"

    def _kept(self, name: str) -> Path:
        folder = self._folder / "layers" / f"{name}-{self._key(name)}"
        if folder.exists() and not self._again:
            os.utime(folder)  # `_forget` keeps what is in use
            return folder
        self._tell(f"layer {name}")
        fresh = self._scratch / "layer"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        made = oci.pack(name, self._make(name), fresh / "layer.tar.gz", LAYER_S)
        if folder.exists():
            kept = oci.layer_of(json.loads((folder / "layer.json").read_text()))
            if kept.digest != made.digest:
                raise roots.BuildError(f"layer {name}: {made.digest}, not {kept.digest} as before")
            return folder
        (fresh / "layer.json").write_text(json.dumps(oci.described(made)))
        (fresh / "tree").mkdir()
        unpack = ["tar", "--extract", "--gzip", "--numeric-owner", "--preserve-permissions", "--directory", str(fresh / "tree")]
        subprocess.run([*unpack, "--file", str(fresh / "layer.tar.gz")], check=True)
        folder.parent.mkdir(exist_ok=True)
        fresh.rename(folder)
        self._forget(name, folder)
        return folder

    def _forget(self, name: str, kept: Path) -> None:
        """Layers of that name that were made from something else and that nobody used for KEPT_S: another clone may share the cache."""
        for other in kept.parent.glob(f"{name}-*"):
            if other != kept and len(other.name) == len(kept.name) and time.time() - other.stat().st_mtime > KEPT_S:
                shutil.rmtree(other)

    def _key(self, name: str) -> str:
        """Of what a layer is made from."""
        parts = [name, roots.SUITE, _lock("debian")]
        if name in ("os", "java"):
            parts += [_step(script) for script in ("apt.sh", "clean.sh", "os.sh")]
            parts += [_step("java.sh"), _lock("debian-java")] if name == "java" else []
        else:
            parts += [_lock("debian-build"), _step("compile.py"), _step(_script(name))]
        if name in contents.table()["layer"]:
            parts += contents.locked(name)
        elif name in ("wince", "start", "models"):
            parts += contents.locked("build") if name == "wince" else []
            parts += [f"{file.relative_to(ROOT)} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in _read_by(name)]
        return _hash(parts)[:16]

    def _make(self, name: str) -> Path:
        """Run a layer's step; the folder with what it left."""
        work = self._scratch / name
        shutil.rmtree(work, ignore_errors=True)
        if name == "os":
            return self._system(work, [self.base], "os.sh", "debian", whole=True)
        if name == "java":
            return self._system(work, [self.tree("os")], "java.sh", "debian-java", whole=False)
        out = work / "out"
        out.mkdir(parents=True)
        binds = {"/src": ROOT, "/out": out, "/wheels": self.wheels}
        lower = [self._tools, self.tree("os")]
        if name == "models":
            lower = [self.tree("wince"), self.tree("numbers"), self.tree("common"), *lower]
            cached = Path(os.environ.get("WINCE_MODELS_DIR") or Path.home() / ".cache/wince/models")
            binds |= {"/models-cache": cached} if cached.is_dir() else {}
        with roots.Root(lower, work / "upper", work / "at", binds) as root:
            words = [name] if name in contents.table()["layer"] else []
            root.run(_script(name), *words, environment={"PIP_FIND_LINKS": "/wheels"})
        return out

    def _system(self, work: Path, lower: Sequence[Path], script: str, lock: str, *, whole: bool) -> Path:
        """A step that changes the operating system. `whole`: everything that there is then, not what was changed alone."""
        with roots.Root(lower, work / "upper", work / "at", {"/src": ROOT, "/sources": self._sources}) as root:
            root.run(script, f"/src/images/{lock}.lock")
        if not whole:
            return work / "upper"
        merged = roots.merged([work / "upper", *lower], work / "at", work / "merged")
        shutil.rmtree(merged / "dev")  # a container engine makes its devices
        (merged / "dev").mkdir(mode=0o755)
        return merged

    @cached_property
    def _tools(self) -> Path:
        """pip, over the operating system."""
        folder = self._folder / "tools" / _hash([_lock("debian"), _lock("debian-build"), _step("os.sh")])[:16]
        if not folder.exists():
            work = self._scratch / "tools"
            with roots.Root([self.tree("os")], work / "upper", work / "at", {"/src": ROOT, "/sources": self._sources}) as root:
                root.run("apt.sh", "/src/images/debian-build.lock")
            shutil.rmtree(folder.parent, ignore_errors=True)
            folder.parent.mkdir()
            (work / "upper").rename(folder)
        return folder


def _script(name: str) -> str:
    return "packages.sh" if name in contents.table()["layer"] else f"{name}.sh"


def _read_by(name: str) -> list[Path]:
    """Files of the clone that a step reads."""
    if name == "models":
        return [ROOT / "services/wince/models/models.lock.toml"]
    if name == "start":
        local = ("torchserve_config.py", "log4j2.xml", "standin/torch.py")
        return [ROOT / "images/torchserve.py", *(ROOT / "services/wince/local" / file for file in local)]
    sources = ("services/wince", "pyproject.toml", "README.md", "LICENSE")
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", *sources]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    return [file for line in listed if line and (file := ROOT / line).is_file()]


def _step(script: str) -> str:
    return (STEPS / script).read_text("utf-8")


def _lock(name: str) -> str:
    return (ROOT / "images" / f"{name}.lock").read_text("utf-8")


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def image(builder: Builder, component: str) -> oci.Image:
    """A component's image, its layers made where they are not kept."""
    layers = [builder.layer(name) for name in ("os", *contents.layers(component))]
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
    return oci.Image(f"wince-{component}:{version()}", layers, configuration(component), architecture, created_s())


def build(components: Sequence[str], layout: Path, *, again: bool = False, archives: bool = False) -> dict[str, str]:
    """Images into a layout; their digests by ref. Raises BuildError."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock, Builder(again=again) as builder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = [image(builder, component) for component in components]
        blobs = {layer.digest: builder.folder(layer.name) / "layer.tar.gz" for one in made for layer in one.layers}
        shutil.rmtree(layout, ignore_errors=True)
        digests = oci.write(layout, made, blobs)
        for one in made:
            packed = sum(layer.size for layer in one.layers)
            unpacked = sum(layer.unpacked for layer in one.layers)
            print(f"{one.ref} {digests[one.ref]} {packed / 1e6:.0f} MB packed, {unpacked / 1e6:.0f} MB unpacked")
            if archives:
                oci.archive(layout, one, layout.with_name(f"{one.ref.replace(':', '-')}.oci.tar"))
        return digests


def main() -> None:
    """The command line."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--component", action="append", choices=contents.components(), help="that one alone; several times for several")
    asked.add_argument("--out", type=Path, default=ROOT / "dist" / "images", help="the layout's folder; what lies there is replaced")
    asked.add_argument("--again", action="store_true", help="make kept layers once more and compare")
    asked.add_argument("--archives", action="store_true", help="each image as a tar too, beside the layout")
    asked.add_argument("--lock", action="store_true", help="write debian*.lock from what the mirror has now")
    given = asked.parse_args()
    if why := roots.why_not():
        sys.exit(f"make images: {why}")
    try:
        roots.apart()
        if given.lock:
            from images.lock import renew

            renew(cache())
            return
        build(given.component or contents.components(), given.out, again=given.again, archives=given.archives)
    except (roots.BuildError, OSError) as error:
        sys.exit(f"make images: {error}")


if __name__ == "__main__":
    main()
