"""The description of the images: every locked package has its place, and the Containerfile says what contents.toml and config.py say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from images import config, contents, roots, torchserve

CONTAINERFILE = (contents.ROOT / "images" / "Containerfile").read_text("utf-8")


def stages() -> dict[str, str]:
    """The Containerfile's stages by name."""
    parts = re.split(r"(?m)^FROM ", CONTAINERFILE.replace("\\\n", " "))[1:]
    return {part.split("\n", 1)[0].rpartition(" AS ")[2]: part for part in parts}


def test_every_locked_package_lies_in_one_layer_or_in_none_on_purpose() -> None:
    for lock in ("base", "anchors", "imaging"):
        named = [name for layer in contents.table()["layer"] for name in contents.packages(layer)]
        placed = {*named, *contents.table()["never"]}
        assert set(contents.entries(lock)) - placed == set()
    assert len(named) == len(set(named)) + 2  # TorchServe's own of packaging and psutil, at its lock's versions
    serving = {name for layer in contents.layers("torchserve") if layer in contents.table()["layer"] for name in contents.packages(layer)}
    assert set(contents.entries("serving")) - serving - set(contents.table()["never"]) == set()


def test_layers_that_torchserve_shares_have_the_versions_of_its_own_lock() -> None:
    own = contents.entries("serving")
    for layer in ("numbers", "pillow", "engine"):
        for line in contents.locked(layer):
            name = line.split("==")[0]
            assert re.findall(r"==\S+", line) == re.findall(r"==\S+", own[name])


@pytest.mark.parametrize("component", contents.components())
def test_the_containerfile_has_a_target_with_the_same_layers_and_the_same_command(component: str) -> None:
    stage = stages()[component]
    copied = [{"served": "torchserve"}.get(name, name) for name in re.findall(r"(?m)^COPY --from=(\S+) /out/ /$", stage)]
    assert copied == [one for one in contents.layers(component) if one != "java"]
    entrypoint, words = config.command(component)
    assert re.findall(r"(?m)^ENTRYPOINT (.+)$", stage) == [json.dumps(entrypoint)]
    assert [json.loads(one) for one in re.findall(r"(?m)^CMD (.+)$", stage)] == ([words] if words else [])
    assert f'org.opencontainers.image.title="wince-{component}"' in stage
    base = stage if component == "torchserve" else stages()["base"]
    assert f"USER {config.USER}" in base
    assert dict(re.findall(r"([A-Z_]+)=(\S+)", re.findall(r"(?m)^ENV (.+)$", base)[0])) == config.ENVIRONMENT
    assert re.findall(r"ARG VERSION=(\S+)", base) == [config.version()]


def test_the_containerfile_runs_each_layers_step() -> None:
    found = stages()
    for layer in contents.table()["layer"]:
        assert f"images/steps/packages.sh {layer}\n" in found["served" if layer == "torchserve" else layer]
    for step in ("wince", "start", "models"):
        assert f"images/steps/{step}.sh" in found[step]


def test_where_debian_comes_from_is_read_from_apts_own_files(tmp_path: Path) -> None:
    """Both of its forms; another suite and another component are no source."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://old.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/x.gpg] http://one.example/debian bookworm main contrib\n"
        "deb http://two.example/debian trixie main\n"
    )
    (tmp_path / "sources.list.d/debian.sources").write_text(
        "Types: deb\nURIs: http://three.example/debian-security\nSuites: bookworm-security\nComponents: main\nSigned-By: /x.gpg\n\n"
        "Types: deb\nURIs: http://four.example/node\nSuites: nodistro\nComponents: main\n"
    )
    said = roots.sources(tmp_path)
    assert [re.findall(r"URIs: (\S+)", one) for one in said] == [["http://three.example/debian-security"], ["http://one.example/debian"]]
    assert all(f"Signed-By: {roots.KEYRING}" in one and "/x.gpg" not in one for one in said)


def test_a_component_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError):
        contents.layers("console")


def test_torchserve_loads_the_archives_that_are_named_and_no_other(tmp_path: Path) -> None:
    """An archive holds code: one that lies beside those whose hashes were compared is left alone."""
    for name in ("infant-1.0.mar", "stranger-1.0.mar"):
        (tmp_path / name).touch()
    assert torchserve.chosen(tmp_path, "infant-1.0.mar") == ["infant-1.0.mar"]
    assert torchserve.chosen(tmp_path, "") == ["infant-1.0.mar", "stranger-1.0.mar"]
    with pytest.raises(ValueError, match=r"lacks gone-1\.0\.mar; remedy"):
        torchserve.chosen(tmp_path, "gone-1.0.mar, infant-1.0.mar")
    with pytest.raises(ValueError, match="holds no archive; remedy"):
        torchserve.chosen(tmp_path / "none", "")
