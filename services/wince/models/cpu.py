"""Which processor this is, as far as compiled code depends on it."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
_NAMES = (
    "vendor_id", "cpu family", "model", "model name", "stepping", "cache size", "flags",  # x86
    "Features", "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision",  # Arm
)  # fmt: skip
_VARIABLES = ("ONEDNN_", "DNNL_", "OV_", "OPENVINO_")
"""Beginnings of environment variables by which a user makes OpenVINO leave instructions out."""


@cache
def identity() -> tuple[str, ...]:
    """What the first processor says of itself, and what the environment forbids. Equal where the same code runs with the same results."""
    said = [platform.machine(), platform.processor()]
    try:
        first = CPUINFO.read_text().partition("\n\n")[0]
    except OSError:
        first = ""  # not Linux
    said += [line for line in first.splitlines() if line.partition(":")[0].strip() in _NAMES]
    return (*said, *(f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(_VARIABLES)))
