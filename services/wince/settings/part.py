"""What all parts of the settings have in common: a field's docstring is its description, from which docs and examples are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, field_validator


class Part(BaseModel):
    """One part. The first line of its docstring is the section's title in the reference."""

    @field_validator("*")
    @classmethod
    def _home(cls, value: Any) -> Any:
        """A path that begins with ~ lies in the user's folder."""
        return value.expanduser() if isinstance(value, Path) else value
