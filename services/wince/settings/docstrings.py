"""A field's docstring is its description. It is read where a reference is made, not at every start: pydantic's `use_attribute_docstrings`
tokenizes the source of every class as it is defined, two fifths of the time that importing the settings takes."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise

from pydantic import BaseModel


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """What the text below each field of a model and its bases says, by name, without indentation."""
    said: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            said |= of_class(base)
    return {name: text for name, text in said.items() if name in model.model_fields}


def of_class(kind: type) -> dict[str, str]:
    """What the text below each annotated field of a class says, by name, without indentation."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    said: dict[str, str] = {}
    for pair in pairwise(tree.body):
        match pair:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                said[name] = inspect.cleandoc(text)
    return said
