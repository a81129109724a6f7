"""The text below a field is its description, as pydantic's own option reads it."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from wince.settings import Settings
from wince.settings.docstrings import docstrings
from wince.settings.origin import model_in
from wince.settings.part import Part


class First(Part):
    """The first."""

    one: int = 1
    """Of the
    first.

        indented"""
    bare: int = 0
    """Replaced."""


class Second(First):
    """The second."""

    kind: ClassVar[str] = "no field"
    """Of no field."""
    two: int = 2
    """Of the second."""
    none: int = 3
    bare: int = 4
    """Of the second, too."""


class Pydantics(BaseModel):
    """By pydantic's own means."""

    model_config = ConfigDict(use_attribute_docstrings=True)
    one: int = 1
    """Of the
    first.

        indented"""


def test_fields_have_what_stands_below_them_and_the_last_class_counts() -> None:
    assert docstrings(Second) == {
        "one": Pydantics.model_fields["one"].description,
        "two": "Of the second.",
        "bare": "Of the second, too.",
    }


def test_every_setting_has_one() -> None:
    models = [Settings, *(inner for field in Settings.model_fields.values() if (inner := model_in(field.annotation)) is not None)]
    assert len(models) > 6
    for model in models:
        assert set(docstrings(model)) == set(model.model_fields)
