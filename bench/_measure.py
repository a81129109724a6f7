"""Run one benchmark module in the process at hand. Apart from __main__, which a spawned process can't import."""

import importlib
import time
import traceback
from typing import Any

from bench import Unmeasurable

COLUMNS = ("figure", "ours", "rival_name", "rival", "ratio", "aim", "unit")


def check(result: Any) -> dict[str, Any]:
    """The result as a module must give it. Raises ValueError that says what is missing."""
    if not isinstance(result, dict) or not {"title", "rows"} <= set(result):
        raise ValueError('run() must return {"title": ..., "rows": [...]}')
    for row in result["rows"]:
        if set(row) != set(COLUMNS):
            raise ValueError(f"a row must have exactly {', '.join(COLUMNS)}; it has {', '.join(map(str, row))}")
    return result


def measure(name: str) -> dict[str, Any]:
    """Run one module here. The answer has "title" and "rows", or "unmeasurable", or "failed"."""
    start = time.monotonic()
    try:
        outcome = check(importlib.import_module(f"bench.{name}").run())
    except Unmeasurable as reason:
        outcome = {"title": name, "rows": [], "unmeasurable": str(reason)}
    except Exception as error:
        traceback.print_exc()
        outcome = {"title": name, "rows": [], "failed": f"{type(error).__name__}: {error}"}
    return outcome | {"name": name, "seconds": round(time.monotonic() - start, 1)}
