"""What `wince --help` says of each command, read from its source. Importing all of them takes two seconds: database, Kafka, HL7, video."""

from __future__ import annotations

import ast
from pathlib import Path


def summary(name: str) -> tuple[str, bool]:
    """Help of the command's module, and whether it is a group of commands: its function's docstring, or the text that stands in its
    `typer.Typer(help=...)`."""
    file = Path(__file__).with_name(f"{name}.py")
    tree = ast.parse((file if file.exists() else file.with_suffix("") / "__init__.py").read_text("utf-8"))
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=found) if found == name:
                return ast.get_docstring(node) or "", False
            case ast.Assign(targets=[ast.Name(id="app")], value=ast.Call(keywords=given)):
                return next((str(ast.literal_eval(one.value)) for one in given if one.arg == "help"), ""), True
    return "", False
