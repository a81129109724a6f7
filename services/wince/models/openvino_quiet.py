"""OpenVINO, kept quiet: every module that needs it takes it from here.

OpenVINO names `openvino-telemetry` as a dependency. With that package installed its import alone looks up an analytics host, sends
to it and writes an id into HOME; a bed's machine may do none of that. `import openvino` goes on without the package where it can't
be imported, so it is made unimportable first. Our own locks leave it out; an ordinary `pip install` brings it.
"""

from __future__ import annotations

import sys

# None in sys.modules makes the import fail with ModuleNotFoundError. A program that imported it before us has had it send already.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402
from openvino import opset13 as ops  # noqa: E402
from openvino.preprocess import PrePostProcessor  # noqa: E402

__all__ = ["PrePostProcessor", "ops", "ov"]
