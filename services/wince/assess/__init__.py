"""Grading a clip, a folder or a picture without a hospital around, and handing over a report.

`wince.assess` is the function `wince.assess.api.assess`. A module of this package that was imported is an attribute of it, so that
`import wince.assess.batch` and then `wince.assess.batch.run(...)` find it.
"""

from __future__ import annotations

import sys
from types import ModuleType


class _Assess(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if isinstance(value, ModuleType):
            from wince.assess.api import assess

            setattr(assess, name, value)


sys.modules[__name__].__class__ = _Assess
