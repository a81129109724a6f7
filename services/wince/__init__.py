"""Wince: grades pain from a patient's face on video, and writes it into the record with a trail that proves it.

    import wince
    result = wince.assess("clip.mp4")          # typed: wince.assess.result.ClipResult

Research use, not validated, adjunct to a nurse's judgement.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from wince.version import VERSION

if TYPE_CHECKING:
    from wince.assess.api import assess as assess

# No process of Wince forks and goes on: it only starts programs. Before such a start gRPC's handlers would begin threads in the child,
# whose descriptors are closed under them: a database that is started as another user then fails now and then. gRPC reads this when it is
# imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

__version__ = VERSION
__all__ = ["assess"]


class _Wince(ModuleType):
    """`wince.assess` is a function and imported when it is first asked for; it stays one when modules of the package `wince.assess` are
    imported, which Python would put in its place."""

    def __getattr__(self, name: str) -> Any:
        if name != "assess":
            raise AttributeError(f"module 'wince' has no attribute {name!r}")
        from wince.assess.api import assess as function

        self.assess = function
        return function

    def __setattr__(self, name: str, value: object) -> None:
        if name != "assess" or not isinstance(value, ModuleType):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Wince
