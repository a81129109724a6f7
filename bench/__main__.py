"""Run the benchmarks: `python -m bench [NAME...]`. What a module gives stands in bench/README.md."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench._measure import measure

HERE = Path(__file__).resolve().parent
OUT = HERE / "out" / "bench.json"


def modules() -> list[str]:
    """Names of the benchmark modules: those whose text defines `run`."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_") and "\ndef run(" in path.read_text())


def measure_apart(name: str) -> dict[str, Any]:
    """Run one module in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(measure, name).result()
        except BrokenProcessPool:
            return {"title": name, "rows": [], "failed": "its process died", "name": name, "seconds": 0.0}


def met(row: dict[str, Any]) -> str:
    """yes, no, or nothing where there is no aim."""
    if row["aim"] is None or row["ratio"] is None:
        return ""
    return "yes" if row["ratio"] >= row["aim"] else "NO"


def number(value: float | None) -> str:
    """Three significant figures, large numbers whole; a dash for None."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(results: Iterable[dict[str, Any]]) -> Table:
    """One table of all figures."""
    out = Table("figure", "ours", "unit", "against", "its", "ratio", "aim", "met")
    for result in results:
        out.add_section()
        out.add_row(f"[bold]{result['title']}[/bold] ({result['seconds']:g} s)")
        for why in ("unmeasurable", "failed"):
            if why in result:
                out.add_row(f"  {why}: {result[why]}")
        for row in result["rows"]:
            numbers = {key: number(row[key]) for key in ("ours", "rival", "ratio", "aim")}
            out.add_row(
                f"  {row['figure']}",
                numbers["ours"],
                row["unit"],
                row["rival_name"],
                numbers["rival"],
                numbers["ratio"],
                "" if row["aim"] is None else f">= {numbers['aim']}",
                met(row),
            )
    return out


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else ""
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def main() -> int:
    """Exit status: 0, or 1 where a module failed."""
    known = modules()
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Wince against rivals and floors.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(known) or 'none yet'} (default: all)")
    names = parser.parse_args().names or known
    for name in names:
        if name not in known:
            parser.error(f"{name}: there is no such benchmark; there are {', '.join(known)}")
    before = machine()
    results = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        results.append(measure_apart(name))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"machine": before, "results": results}, indent=2) + "\n")
    Console(width=None if sys.stdout.isatty() else 160).print(table(results))
    print(f"written to {OUT.relative_to(HERE.parent)}")
    return 1 if any("failed" in result for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
