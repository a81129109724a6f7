"""A bill of materials (CycloneDX 1.6) and a list of licences for each image: Debian's packages from dpkg's own status, Python's from what
is installed in its layers, the libraries inside wheels and jars, the face models. After `make images`; root reads the kept layers.

    python -m images.sbom dist/images-sbom
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import distributions
from pathlib import Path

from images import contents
from images.build import Builder
from requirements import sbom as bills
from requirements.sbom import Part

SITE = "opt/wince/lib/python3.11/site-packages"


def debian(root: Path) -> Iterator[tuple[str, str, str]]:
    """Name, version and licences of each package that dpkg says is installed. Licences are those of the copyright file's `License:` lines
    (Debian's machine-readable form), as Debian writes them; "see FILE" where that file has none."""
    status = (root / "var/lib/dpkg/status").read_text("utf-8", "replace")
    for paragraph in status.split("\n\n"):
        found = dict(re.findall(r"(?m)^(Package|Status|Version): (.+)$", paragraph))
        if found.get("Status", "").endswith(" installed"):
            yield found["Package"], found["Version"], _copyright(root, found["Package"])


def _copyright(root: Path, package: str) -> str:
    file = root / "usr/share/doc" / package / "copyright"
    try:
        text = _inside(root, file).read_text("utf-8", "replace")
    except OSError:
        return "see the source package"
    names = {name.strip() for line in re.findall(r"(?m)^License: *(\S.*)$", text) for name in re.split(r",| and | or ", line)}
    return ", ".join(sorted(name for name in names if name)) or f"see /usr/share/doc/{package}/copyright"


def _inside(root: Path, file: Path) -> Path:
    """A file whose folder may be a link, as the root itself reads it."""
    if file.parent.is_symlink():
        target = file.parent.readlink()
        return (root / str(target).lstrip("/") if target.is_absolute() else file.parent.parent / target) / file.name
    return file


def parts(builder: Builder, component: str) -> list[Part]:
    """What an image holds, as the parts of requirements/sbom.py."""
    found: list[Part] = []
    for layer in ("os", *contents.layers(component)):
        tree = builder.tree(layer)
        if layer in ("os", "java"):
            known = {part.name for part in found}
            found += [Part(*one, kind="deb") for one in debian(tree) if one[0] not in known]
        else:
            installed = sorted(distributions(path=[str(tree / SITE)]), key=lambda one: str(one.metadata["Name"]).lower())
            found += [bills.python(one) for one in installed]
    if "models" in contents.layers(component):
        held = {file.name.rpartition("-")[0] for file in (builder.tree("models") / "var/lib/wince-models").iterdir()}
        found += [part for part in bills.models() if part.name in held]
    return found


def listed(found: Sequence[Part]) -> str:
    """The licences as text, a part a line; what lies inside a wheel is set in."""
    lines = []
    for part in found:
        lines.append(f"{part.name} {part.version}: {part.licence or 'nobody looked'}".replace(" :", ":"))
        lines += [f"  {one.name} {one.version}: {one.licence or 'nobody looked'}".replace(" :", ":") for one in part.parts]
    return "\n".join(lines) + "\n"


def main(folder: Path, components: Sequence[str] = contents.components()) -> None:
    """Write both files of every image, or of those of `components`."""
    folder.mkdir(parents=True, exist_ok=True)
    with Builder(tell=lambda layer: sys.exit(f"images.sbom: {layer} is not kept; run make images first")) as builder:
        for component in components:
            found = parts(builder, component)
            (folder / f"wince-{component}.cdx.json").write_text(bills.bom(component, found), "utf-8")
            (folder / f"wince-{component}.licences.txt").write_text(listed(found), "utf-8")
            print(f"{folder}/wince-{component}: {len(found)} parts, {sum(len(one.parts) for one in found)} libraries inside them")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
