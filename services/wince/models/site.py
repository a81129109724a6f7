"""A site's own models: one ONNX file per member of a protocol's ensemble, named as the protocol names it, in the folder `site` of the
models folder. They are known by their hashes once they are loaded; nothing else lists them.
"""

from __future__ import annotations

from pathlib import Path

from wince.models import fetch, lock

SITE = "site"


def site_folder(models_dir: Path | None = None) -> Path:
    """Where they lie. None: below the user's cache, as for the other models."""
    return (models_dir or fetch.cache_folder()) / SITE


def site_models(models_dir: Path | None = None) -> dict[str, Path]:
    """By name; empty where there are none."""
    return {file.stem: file for file in sorted(site_folder(models_dir).glob("*.onnx"))}


def known(models_dir: Path | None = None) -> set[str]:
    """Names of the lock's models and the site's."""
    return {*lock.load(), *site_models(models_dir)}
