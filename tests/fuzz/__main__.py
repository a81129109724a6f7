"""`python -m tests.fuzz [NAME ...] [--cases N] [--from SEED] [--seconds S]`: cases of each module, as many processes as cores."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator

from tests.fuzz import runner


def main() -> int:
    """0 where every case did as it may."""
    wanted = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    wanted.add_argument("names", nargs="*", help=f"modules: {', '.join(runner.NAMES)}")
    wanted.add_argument("--cases", type=int, default=100_000)
    wanted.add_argument("--from", dest="first", type=int, default=0, help="first seed")
    told = wanted.parse_args()
    failed = 0
    for name in told.names or runner.NAMES:
        began, found = time.monotonic(), list(_spread(name, told.first, told.cases))
        failed += len(found)
        for fault in found[:20]:
            print(f"{name}: seed {fault.seed}: {fault.what}")
        print(f"{name}: {told.cases} cases, {len(found)} wrong, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if failed else 0


def _spread(name: str, first: int, cases: int) -> Iterator[runner.Fault]:
    size = 500
    chunks = [(name, at, min(size, first + cases - at)) for at in range(first, first + cases, size)]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for done, found in enumerate(pool.imap_unordered(runner.chunk, chunks), 1):
            if sys.stderr.isatty():
                print(f"\r{name}: {min(done * size, cases)}", end="", file=sys.stderr)
            yield from found


if __name__ == "__main__":
    sys.exit(main())
