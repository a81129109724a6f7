"""Compiles a folder's Python files beside them, the same bytes at any time: the file's path in the image, its hash instead of its time.

A process per file: what marshal writes depends on which equal strings a process has met before. Usage: compile.py FOLDER PREFIX
"""

from __future__ import annotations

import multiprocessing
import py_compile
import sys
from pathlib import Path


def compiled(given: tuple[Path, Path]) -> None:
    """Compile one file; one that is no Python of this version is left as it is."""
    file, prefix = given
    shown = "/" + str(file.relative_to(prefix))
    py_compile.compile(str(file), dfile=shown, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def main(folder: Path, prefix: Path) -> None:
    """Compile all."""
    files = sorted(folder.rglob("*.py"))
    with multiprocessing.get_context("fork").Pool(maxtasksperchild=1) as pool:
        pool.map(compiled, [(file, prefix) for file in files], chunksize=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
