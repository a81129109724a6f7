"""Draw the corpus: python -m wince.lab.corpus FOLDER [--head FILE] [--part train] [--persons N] [--jobs N]. Can be cut off and repeated."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.progress import Progress

from wince.errors import WinceError
from wince.lab.corpus.draw import draw_corpus
from wince.lab.corpus.recipe import TEST, TRAIN, VALIDATION

PARTS = {"test": TEST, "validation": VALIDATION, "train": TRAIN}


def main(arguments: list[str] | None = None) -> int:
    """Draw, with a progress bar on stderr; the exit code of the error that ended it, or 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--head", type=Path, help="ict_head.npz; else WINCE_HEAD_DATA names it")
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all three")
    parser.add_argument("--persons", type=int, help="only so many of each part")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args(arguments)
    seeds = [seed for part in options.part or PARTS for seed in PARTS[part][: options.persons]]
    try:
        with Progress(transient=True) as bar:
            task = bar.add_task("persons", total=len(seeds))
            bar.update(task, completed=sum((options.folder / f"{seed}.npz").exists() for seed in seeds))
            draw_corpus(options.folder, options.head, seeds, jobs=options.jobs, progress=lambda seed: bar.advance(task))
    except WinceError as error:
        print("wince: " + error.diagnostics(), file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
