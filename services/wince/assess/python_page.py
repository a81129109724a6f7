"""docs/reference/python.md, made from signatures and docstrings. `make docs` writes it:

python -m wince.assess.python_page docs/reference/python.md
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from wince.assess import result
from wince.assess.api import assess
from wince.assess.batch import Batch
from wince.assess.batch import run as run_batch
from wince.assess.inputs import Input, Inputs, gather
from wince.domain import assessment
from wince.errors import WinceError

RESULTS = (
    result.ClipResult, result.Headline, result.Held, result.Reading, result.FrameRow, result.KeyFrame,
    assessment.Assessment, assessment.Alert, assessment.Question,
)  # fmt: skip
"""What `assess` gives, from the outside in."""
BATCH = (Inputs, Input, Batch)
_HEAD = """# Python

Made by `make docs` from the code: don't edit. `help(wince.assess)` says the same. The package is typed (`py.typed`).

```python
import wince

result = wince.assess("clip.mp4")
print(result.headline.highest, result.headline.longest, [alert.start_us / 1e6 for alert in result.alerts])
```

`import wince` takes milliseconds; the models load with the first call and stay for the next ones of the same thread. In a notebook a result
shows itself as a table. `result.to_dataframe()` needs pandas (`pip install pandas`).

"""


def page() -> str:
    """The page."""
    parts = [_HEAD, _function("wince.assess", assess), "## What it gives\n\n", *(_class(one) for one in RESULTS)]
    parts += ["## Folders and several processes\n\n", _function("wince.assess.inputs.gather", gather)]
    parts += [_function("wince.assess.batch.run", run_batch), *(_class(one) for one in BATCH)]
    parts += ["## Errors\n\nEvery error is a `wince.errors.WinceError`.\n\n", _class(WinceError)]
    return "".join(parts).rstrip() + "\n"


def _function(name: str, function: Callable[..., object]) -> str:
    signature, head = inspect.signature(function), f"def {name.rpartition('.')[2]}"
    inside, named = "", False
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not named:
            inside, named = inside + "    *,\n", True
        default = "" if one.default is one.empty else f" = {_literal(one.default)}"
        inside += f"    {one.name}: {one.annotation}{default},\n"
    return f"## `{name}`\n\n```python\n{head}(\n{inside}) -> {signature.return_annotation}: ...\n```\n\n{_text(function)}\n\n"


def _literal(value: object) -> str:
    """A default as the code has it; what has no literal is left out."""
    if isinstance(value, str):
        return f'"{value}"'
    return "..." if callable(value) else repr(value)


def _text(thing: object) -> str:
    """A docstring as Markdown: its indented lists become lists."""
    lines = []
    for line in (inspect.getdoc(thing) or "").splitlines():
        inner = line.strip()
        if line.startswith("        "):
            lines.append(f"  {inner}")
        elif line.startswith("    ") and not inner.startswith(">>>"):
            lines.append(f"- {inner}")
        else:
            lines.append(line if not line.endswith(":") or " " in line else f"{line}\n")
    return "\n".join(lines)


def _class(kind: type) -> str:
    """A class: its docstring, its fields in a table, its public properties and methods."""
    rows = "".join(f"| `{name}` | `{annotation}` | {said} |\n" for name, annotation, said in _fields(kind))
    table = f"| field | type | meaning |\n|---|---|---|\n{rows}\n" if rows else ""
    members = "".join(
        f"- `{name}{'' if isinstance(value, property) else '()'}`: {' '.join(_text(value).split())}\n"
        for name, value in vars(kind).items()
        if not name.startswith("_") and (isinstance(value, property) or inspect.isfunction(value))
    )
    return f"### `{_home(kind)}.{kind.__name__}`\n\n{_text(kind)}\n\n{table}{members}{'' if not members else chr(10)}"


def _home(kind: type) -> str:
    """Where to import a class from: its package, if that offers it, else its module."""
    package = kind.__module__.rpartition(".")[0]
    return package if getattr(sys.modules[package], kind.__name__, None) is kind else kind.__module__


def _fields(kind: type) -> list[tuple[str, str, str]]:
    """Name, type, docstring of each annotated field, as the source has them."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: list[tuple[str, str, str]] = []
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append((node.target.id, ast.unparse(node.annotation).replace("|", "\\|"), ""))
        elif found and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and not found[-1][2]:
            name, annotation, _ = found[-1]
            found[-1] = (name, annotation, " ".join(str(node.value.value).split()).replace("|", "\\|"))
    return found


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
