"""What people read of the settings, rendered from the catalogue: docs/reference/settings.md and wince.example.toml."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from wince.settings.catalogue import Section, Setting, catalogue

WIDTH = 118
"""Columns of a comment."""
REFERENCE, EXAMPLE = Path("docs/reference/settings.md"), Path("wince.example.toml")
"""Where they lie in the repository."""

_HEAD = """# Settings

Made by `make docs` from the code: don't edit. `wince config show` says what is set here and now, and where from.

Strongest first: options of a command, environment variables, files named by `WINCE_<NAME>_FILE`, the TOML file named by `WINCE_CONFIG`,
defaults. An unknown key is refused, in the file and in the environment. A key of a table, such as `port` in `[rpc]`, is
`WINCE_RPC__PORT` in the environment; a list of tables, such as `[[cameras]]`, is one variable that holds JSON.
[wince.example.toml](../../wince.example.toml) has every key with its default.
"""
_TOP = """# Wince's settings. Every key stands here with its meaning, its type and its default, commented out.
# Name the file that you make of it by WINCE_CONFIG. In the environment a key is WINCE_<KEY>, a table's key WINCE_<TABLE>__<KEY>.
# Made by `make docs` from the code: don't edit.
"""


def reference() -> str:
    """The reference, Markdown: a table for each section."""
    return _HEAD + "".join(_table(section) for section in catalogue())


def example() -> str:
    """Every key, commented out, with its default or, where it has none, a value that could be meant. Uncommented it is valid."""
    return _TOP + "".join(_lines(section) for section in catalogue())


def default(setting: Setting) -> str:
    """The default in words."""
    if setting.required:
        return "required"
    if setting.default is None:
        return "not set"
    if isinstance(setting.default, float):
        return f"{setting.default:g}"
    return "empty" if setting.default in ("", []) else toml(setting.default).strip('"')


def toml(value: Any) -> str:
    """A value as TOML; JSON's notation of texts, numbers and lists is TOML's, too."""
    return json.dumps(value, ensure_ascii=False)


def _table(section: Section) -> str:
    title = f"`{section.title}`" if section.table else section.title
    text = f"\n## {title}\n\n{section.meaning}\n\n| key | variable | type | default | meaning |\n|---|---|---|---|---|\n"
    for setting in section.settings:
        names = " or ".join(f"`{name}`" for name in (setting.variable, setting.file_variable) if name)
        text += f"| `{setting.key}` | {names} | {_cell(setting.kind)} | {_code(default(setting))} | {_cell(setting.meaning)} |\n"
    return text


def _code(text: str) -> str:
    return text if text in ("required", "not set", "empty") else f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _lines(section: Section) -> str:
    text = "\n" + _comment(f"{section.title}. {section.meaning}" if not section.table else section.meaning)
    if section.repeated:
        return text + _entries(section)
    if section.table:
        text += f"#[{section.table}]\n"
    return text + "".join(_said(setting) + f"#{setting.key} = {toml(_value(setting))}\n" for setting in section.settings)


def _entries(section: Section) -> str:
    """Entries as they could be; a key is explained where it first stands."""
    known = {setting.key: setting for setting in section.settings}
    text = ""
    for entry in section.examples:
        text += f"\n#[[{section.table}]]\n"
        for key, value in entry.items():
            text += _said(known.pop(key)) if key in known else ""
            text += f"#{key} = {toml(value)}\n"
    return text


def _said(setting: Setting) -> str:
    return "\n" + _comment(f"{setting.meaning} Type: {setting.kind}. Default: {default(setting)}.")


def _value(setting: Setting) -> Any:
    return setting.example if setting.default in (None, "", []) else setting.default


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))
