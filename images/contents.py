"""What contents.toml says: the layers of an image, and the locked requirements of a layer. Python's own library alone: it runs in a build.

python images/contents.py locked LAYER    the layer's lines of its lock, with their hashes
python images/contents.py fetched         those of all layers: what a build downloads
python images/contents.py layers COMPONENT
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BUILD = ("editables", "hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers")
"""What builds Wince's own wheel; in no image."""
_NAME = re.compile(r"([A-Za-z0-9._-]+)==")


@cache
def table() -> Mapping[str, Any]:
    """contents.toml."""
    return tomllib.loads((ROOT / "images" / "contents.toml").read_text("utf-8"))


def components() -> tuple[str, ...]:
    """Every image's name."""
    return tuple(table()["component"])


def layers(component: str) -> tuple[str, ...]:
    """An image's layers above the operating system, in order. Raises KeyError for a component that there is not."""
    return tuple(table()["component"][component])


def packages(layer: str) -> tuple[str, ...]:
    """Names of a layer's packages, sorted. Raises KeyError for one that is no layer of packages."""
    if layer == "build":
        return BUILD
    found = table()["layer"][layer]
    if not found.get("rest"):
        return tuple(sorted(found["packages"]))
    named = {name for other in table()["layer"].values() if other["lock"] == found["lock"] for name in other.get("packages", ())}
    return tuple(sorted(set(entries(found["lock"])) - named - set(table()["never"])))


def entries(lock: str) -> dict[str, str]:
    """Requirements of `requirements/<lock>.txt` by name: every line of a package, hashes included. A package that has one version for each
    Python has several."""
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / "requirements" / f"{lock}.txt").read_text("utf-8").strip()):
        if match := _NAME.match(entry):
            found[match[1]] = f"{found[match[1]]}\n{entry}" if match[1] in found else entry
    return found


def locked(layer: str) -> list[str]:
    """The layer's requirements. Raises KeyError where its lock lacks one of them."""
    known = entries("base" if layer == "build" else table()["layer"][layer]["lock"])
    return [known[name] for name in packages(layer)]


def fetched() -> list[str]:
    """Requirements of all layers and of the build, each once."""
    return list(dict.fromkeys(line for layer in (*table()["layer"], "build") for line in locked(layer)))


def main(arguments: list[str]) -> None:
    """Print what was asked for."""
    asked: dict[str, Iterable[str]] = {"locked": (), "fetched": (), "layers": ()}
    if not arguments or arguments[0] not in asked:
        sys.exit(__doc__)
    if arguments[0] == "fetched":
        said: Iterable[str] = fetched()
    else:
        said = locked(arguments[1]) if arguments[0] == "locked" else layers(arguments[1])
    print("\n".join(said))


if __name__ == "__main__":
    main(sys.argv[1:])
