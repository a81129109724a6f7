"""Runs seeds of a module, each within its time and the process within its memory."""

from __future__ import annotations

import importlib
import random
import resource
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tests.fuzz import SECONDS
from wince.telemetry import logs

NAMES = ("mllp", "hl7", "ack", "fhir", "protocol", "kafka", "settings", "media", "model", "dicom", "grpc")
"""Modules, in the order in which they run."""
GROWTH_KIB = 256 << 10
"""By how much a chunk of cases may raise the process' peak of memory."""


@dataclass(frozen=True)
class Fault:
    """A case that did what it may not."""

    seed: int
    what: str


def chunk(wanted: tuple[str, int, int]) -> list[Fault]:
    """(name, first seed, how many) -> what went wrong. The cases' own log lines are left out."""
    logs.configure("critical")
    name, first, cases = wanted
    with ExitStack() as stack:
        return run(name, range(first, first + cases), worlds(stack, name))


def worlds(stack: ExitStack, name: str) -> tuple[Any, ...]:
    """What the cases of a module are tried at, where it says so by `world()`: they share it, until the stack is closed."""
    module = importlib.import_module(f"tests.fuzz.{name}")
    return (stack.enter_context(module.world()),) if hasattr(module, "world") else ()


def run(name: str, seeds: range, world: tuple[Any, ...] = ()) -> list[Fault]:
    """What went wrong with these seeds. `world`: of `worlds`."""
    module = importlib.import_module(f"tests.fuzz.{name}")
    found = []
    before = _peak_kib()
    for seed in seeds:
        case = module.case(random.Random(seed))
        began = time.process_time()
        try:
            module.check(case, *world)
        except Exception as error:
            found.append(Fault(seed, f"{type(error).__name__}: {str(error)[:300]}"))
        if (took := time.process_time() - began) > SECONDS:
            found.append(Fault(seed, f"took {took:.1f} s"))
    if (grown := _peak_kib() - before) > GROWTH_KIB:
        found.append(Fault(seeds.start, f"memory grew by {grown >> 10} MiB from this seed to {seeds.stop}"))
    return found


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
