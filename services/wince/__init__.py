"""Wince: grades pain from a patient's face on video, and writes it into the record with a trail that proves it.

    import wince
    result = wince.assess("clip.mp4")          # typed: wince.assess.result.ClipResult

Research use, not validated, adjunct to a nurse's judgement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wince.version import VERSION

if TYPE_CHECKING:
    from wince.assess.api import assess as assess

__version__ = VERSION


def __getattr__(name: str) -> Any:
    if name == "assess":
        import importlib

        return importlib.import_module("wince.assess")
    raise AttributeError(f"module 'wince' has no attribute {name!r}")
