"""Bills of materials of what an installation of Wince holds (CycloneDX 1.6, JSON), and the page about its licences.

    python requirements/sbom.py dist/sbom                          the bills: base, each extra, TorchServe's own environment
    python requirements/sbom.py --page docs/reference/licences.md  the page
    python requirements/sbom.py --check                            fails for what nobody looked at, or has to look at again

A bill names every package at the version that is locked, each shared library inside its wheel with its sha256, the libraries inside
TorchServe's jar, and the model files that `wince models fetch` takes from wheels. Licences: licences.toml. Two runs write the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
TABLES = tomllib.loads((ROOT / "requirements" / "licences.toml").read_text("utf-8"))
JAR = tomllib.loads((ROOT / "requirements" / "torchserve-jar.toml").read_text("utf-8"))
WEAKNESSES = tomllib.loads((ROOT / "requirements" / "weaknesses.toml").read_text("utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = ("anchors", "embedded", "imaging")
"""Extras that a hospital installs. The others are for training and development."""
_SPDX = re.compile(r"[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*")
_FILE = re.compile(r"(lib[A-Za-z0-9_]+?)(?:-[0-9a-f]{8}|-r0|-[a-z]+-[0-9a-f]{8}|[-.])")


@dataclass(frozen=True)
class Part:
    """Something that an installation holds."""

    name: str
    version: str
    licence: str
    """SPDX expression (of a Debian package, kind deb, as its copyright file says it); empty: nobody looked."""
    kind: str = "pypi"
    sha256: str = ""
    parts: Sequence[Part] = field(default=())


def licence_of(package: Distribution) -> str:
    """SPDX expression of a package: licences.toml first, then what the package says in its own metadata; empty where neither does."""
    known = TABLES["package"].get(canonicalize_name(package.metadata["Name"]))
    said = next((package.metadata[key] for key in ("License-Expression", "License") if key in package.metadata), "")
    return str(known) if known else said if _SPDX.fullmatch(said) else ""


def closure(names: Iterable[str], extras: frozenset[str] = frozenset()) -> dict[str, Distribution]:
    """These packages and what they need on this platform, by canonical name."""
    found: dict[str, Distribution] = {}
    left = [(Requirement(name), extras) for name in names]
    while left:
        wanted, asked = left.pop()
        if wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in (*asked, "")):
            continue
        name = canonicalize_name(wanted.name)
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # of another platform, or never installed (overrides.txt)
        left += [(Requirement(line), frozenset(wanted.extras)) for line in found[name].requires or []]
    return dict(sorted(found.items()))


def libraries(package: Distribution) -> Iterator[Part]:
    """Shared libraries that a wheel brings beside its own modules."""
    for file in sorted(package.files or [], key=str):
        if ".so" in file.name and (file.parts[0].endswith(".libs") or "libs" in file.parts[:-1]):
            found = _FILE.match(file.name)
            name = found[1] if found else file.name.partition(".")[0]
            key = next((one for one in TABLES["library"] if name == one or name.startswith(f"{one}_")), name)
            content = Path(str(package.locate_file(file))).read_bytes()
            licence = TABLES["library"].get(key, "")
            yield Part(file.name, "", licence, "library", hashlib.sha256(content).hexdigest())


def python(package: Distribution) -> Part:
    """A package with its libraries, and the jar of TorchServe's frontend."""
    inside = list(libraries(package))
    if canonicalize_name(package.metadata["Name"]) == "torchserve":
        inside += jar(Path(str(package.locate_file("ts/frontend/model-server.jar"))))
    return Part(canonicalize_name(package.metadata["Name"]), package.version, licence_of(package), parts=inside)


def jar(file: Path) -> list[Part]:
    """What TorchServe's jar holds. Raises ValueError where a class is of nothing that torchserve-jar.toml names, or what it names is not
    what lies there: then the table is of another release."""
    with zipfile.ZipFile(file) as archive:
        classes = {one.filename: one.CRC for one in archive.infolist() if one.filename.endswith(".class")}
    prefixes = tuple(prefix for part in JAR["part"] for prefix in part["prefixes"]) + tuple(JAR["own"])
    named = (name.removeprefix("META-INF/versions/9/") for name in classes)
    if strange := [name for name in named if name != "module-info.class" and not name.startswith(prefixes)]:
        raise ValueError(f"{file.name}: no part of torchserve-jar.toml has {strange[0]} and {len(strange) - 1} others")
    for part in JAR["part"]:
        if classes.get(part["probe"]) != part["crc"]:
            raise ValueError(f"{file.name}: {part['probe']} is not that of {part['name']} {part['version']}")
    return [Part(part["name"], part["version"], part["licence"], "maven") for part in JAR["part"]]


def models() -> list[Part]:
    """Model files that `wince models fetch` takes out of wheels."""
    lock = tomllib.loads((ROOT / "services/wince/models/models.lock.toml").read_text("utf-8"))
    return [Part(name, "", model["licence"], "model", model.get("sha256", "")) for name, model in lock["model"].items()]


def bills() -> dict[str, list[Part]]:
    """Every bill's parts. TorchServe's environment is left out where it is not set up."""
    own = canonicalize_name(PROJECT["name"])
    base = closure(PROJECT["dependencies"])
    made = {"base": [python(one) for one in base.values()] + models()}
    for extra in EXTRAS:
        more = closure(PROJECT["optional-dependencies"][extra])
        made[extra] = [python(one) for name, one in more.items() if name not in base and name != own]
    serving = next((ROOT / ".venv-serving").glob("lib/python3*/site-packages"), None)
    if serving:
        installed = {canonicalize_name(one.metadata["Name"]): one for one in distributions(path=[str(serving)])}
        made["serving"] = [python(installed[name]) for name in sorted(installed)]
    return made


def bom(name: str, parts: Sequence[Part]) -> str:
    """A bill as JSON."""
    version = re.search(r'VERSION = "(.+)"', (ROOT / "services/wince/version.py").read_text("utf-8"))
    assert version
    whole = Component(type=ComponentType.APPLICATION, name=f"wince-{name}", version=version[1], bom_ref=f"wince-{name}")
    made = Bom(serial_number=uuid5(NAMESPACE_URL, repr((name, parts))))
    made.metadata.component = whole
    components = [_component(part, name) for part in parts]
    made.components = components
    made.register_dependency(whole, components)
    said = json.loads(JsonV1Dot6(made).output_as_string())
    del said["metadata"]["timestamp"]
    return json.dumps(said, indent=1) + "\n"


def _component(part: Part, within: str) -> Component:
    kinds = {"model": ComponentType.MACHINE_LEARNING_MODEL}
    licences = [_licence(part)] if part.licence else []
    group, _, short = part.name.rpartition(":")
    if part.kind == "deb":
        group, within = "debian", f"{within}/deb"  # a package of Python may have the same name
    return Component(
        type=kinds.get(part.kind, ComponentType.LIBRARY),
        name=short,
        group=group or None,
        version=part.version or None,
        bom_ref=f"{within}/{part.name}",
        purl=PackageURL(part.kind, group or None, short, part.version or None) if part.kind in ("pypi", "maven", "deb") else None,
        licenses=licences,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=part.sha256)] if part.sha256 else [],
        components=[_component(one, f"{within}/{part.name}") for one in part.parts],
    )


def _licence(part: Part) -> LicenseExpression | DisjunctiveLicense:
    if part.kind == "deb":  # Debian's own names of licences, which are no SPDX expression
        return DisjunctiveLicense(name=part.licence)
    return LicenseExpression(value=part.licence) if " " in part.licence else DisjunctiveLicense(id=part.licence)


def needs(part: Part) -> list[str]:
    """Licences of a package and of what its wheel holds that ask for more than a notice."""
    said = {part.licence, *(one.licence for one in part.parts)}
    return sorted(one for one in said if not _permissive(one))


def _permissive(expression: str) -> bool:
    either = expression.split(" OR ")
    return any(all(one in TABLES["permissive"] for one in each.split(" AND ")) for each in either)


def faults(made: Mapping[str, Sequence[Part]], today: date) -> list[str]:
    """What is wrong with licences and known weaknesses: packages and libraries without a licence, licences that ask for more than a notice
    without an exception, exceptions whose day has come, weaknesses of versions that are not installed any more."""
    found = []
    for bill, parts in made.items():
        for part in parts:
            found += [f"{bill}: {part.name}: {one.name}: no licence in licences.toml" for one in (part, *part.parts) if not one.licence]
            if needs(part) and part.name not in TABLES["exception"]:
                found.append(f"{bill}: {part.name}: {', '.join(needs(part))}: no [exception] in licences.toml says what that means")
    inside = {(one.name, one.version) for parts in made.values() for part in parts for one in (part, *part.parts)}
    for one in WEAKNESSES["weakness"]:
        if "serving" in made and (one["part"], one["version"]) not in inside:
            found.append(f"weaknesses.toml: {one['part']} {one['version']} is not installed any more: take it out")
    dated = [(f"licences.toml: {name}", one["until"]) for name, one in TABLES["exception"].items()]
    dated += [(f"weaknesses.toml: {one['part']}", one["until"]) for one in WEAKNESSES["weakness"]]
    return found + [f"{name}: was to be looked at again by {until}" for name, until in dated if until < today]


def page() -> str:
    """docs/reference/licences.md."""
    made = {name: parts for name, parts in bills().items() if name != "serving"}
    lines = [
        "# Licences",
        "",
        "Wince is licensed under Apache-2.0. This page lists what it installs beside itself, by part. `make docs` writes it from the"
        " packages that are installed (Python 3.11); `make sbom` writes the same as CycloneDX, with the hash of every shared library.",
        "",
        "## What asks for more than a notice",
        "",
        "| package | licence, its wheel's libraries included | what it means |",
        "|---|---|---|",
    ]
    asking = [part for parts in made.values() for part in parts if needs(part)]
    asking.append(Part("torchserve", "", "Apache-2.0", parts=[Part(one["name"], "", one["licence"]) for one in JAR["part"]]))
    lines += [f"| {part.name} | {', '.join(needs(part))} | {TABLES['exception'][part.name]['why']} |" for part in asking]
    titles = {"base": "Base", "serving": "TorchServe's own environment (`.venv-serving`)"}
    for name in ("base", *EXTRAS):
        lines += ["", f"## {titles.get(name, f'Extra `{name}`')}", "", "| package | version | licence |", "|---|---|---|"]
        lines += [f"| {part.name} | {part.version} | {part.licence} |" for part in made[name] if part.kind == "pypi"]
    lines += [
        "",
        f"## {titles['serving']}",
        "",
        f"Packages: {', '.join(_serving())}. TorchServe's wheel brings one jar with the libraries below inside. TorchServe is not"
        " maintained any more, so they stay as old as they are.",
        "",
        "| library | version | licence |",
        "|---|---|---|",
        *(f"| {part['name']} | {part['version']} | {part['licence']} |" for part in JAR["part"]),
        "",
        "## Known weaknesses of what is installed",
        "",
        WEAKNESSES["note"],
        "",
        "| part | version | known | why it stays for now | looked at again by |",
        "|---|---|---|---|---|",
        *(_weakness(one) for one in WEAKNESSES["weakness"]),
    ]
    return "\n".join(lines) + "\n"


def _weakness(one: Mapping[str, Any]) -> str:
    return f"| {one['part']} | {one['version']} | {', '.join(one['known'])} | {one['why']} | {one['until']} |"


def _serving() -> list[str]:
    text = (ROOT / "requirements" / "serving.txt").read_text("utf-8")
    return sorted(set(re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)))


def main(arguments: Sequence[str]) -> None:
    """Write the bills or the page."""
    if arguments[:1] == ["--page"]:
        Path(arguments[1]).write_text(page(), "utf-8")
        return
    if arguments[:1] == ["--check"]:
        found = faults(bills(), date.today())
        sys.exit("\n".join(found) if found else 0)
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, parts in bills().items():
        (folder / f"wince-{name}.cdx.json").write_text(bom(name, parts), "utf-8")
        print(f"{folder / f'wince-{name}.cdx.json'}: {len(parts)} packages, {sum(len(one.parts) for one in parts)} libraries inside them")


if __name__ == "__main__":
    main(sys.argv[1:])
