"""Grading a clip, a folder or a picture without a hospital around, and handing over a report.

The package can be called: `wince.assess("clip.mp4")` is `wince.assess.api.assess("clip.mp4")`, whatever of it was imported before.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from wince.assess.api import assess  # the stages take a second to import

        return assess(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
