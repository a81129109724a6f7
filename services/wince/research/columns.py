"""The columns of an export: one list from which its files, its data dictionary and the documentation follow.

What is not here is not exported: no picture, no crop, no embedding, no name, no number of a person, visit, bed, ward, camera or member of
staff, no free text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wince.domain.estimate import UNITS


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a CSV file."""

    name: str
    type: str
    """As Frictionless Table Schema has it."""
    about: str
    unit: str = ""
    """UCUM; empty: none."""


_PERSON = Column("person", "string", "stands for the person")
_WINDOW = Column("window", "string", "stands for the window")
_START = Column("start", "datetime", "begin, moved by the person's secret offset")

TABLES: Mapping[str, tuple[Column, ...]] = {
    "people": (
        _PERSON,
        Column("age", "string", "age band at the first window; 'not told' where fewer than k share it; 'unknown' without a date of birth"),
        Column("protocols", "string", "protocols that looked at the person, separated by blanks"),
        Column("windows", "integer", "how many windows there are"),
    ),
    "windows": (
        _PERSON,
        Column("visit", "string", "stands for the visit"),
        _WINDOW,
        _START,
        Column("end", "datetime", "end (exclusive), moved likewise"),
        Column("protocol", "string", "clinical protocol"),
        Column("rule", "string", "sha256 of the protocol's rules"),
        Column("model_set", "string", "sha256 over the models' files"),
        Column("grade", "integer", "index into the protocol's scale; empty: unassessable"),
        Column("grade_name", "string", "its name"),
        Column("median", "number", "median score of the assessable frames, on the protocol's scale"),
        Column("peak", "number", "highest debounced score, on the protocol's scale"),
        Column("assessable_share", "number", "assessable frames over expected ones, 0-1", "1"),
        Column("confidence", "number", "median confidence of the frames, 0-1", "1"),
        Column("reason", "string", "why there is no grade; empty where there is one"),
        Column("frames", "integer", "frames that arrived"),
        Column("reasons", "string", "unassessable frames by reason, such as 'dark=3 small=1'"),
        *(Column(unit, "number", f"median intensity of the action unit {unit.upper()}; empty: not measured") for unit in UNITS),
        Column("personal", "boolean", "whether the person's own calm face was used"),
        Column("shadow", "boolean", "whether the protocol only looked on"),
    ),
    "alerts": (
        _PERSON,
        _WINDOW,
        _START,
        Column("end", "datetime", "end, moved likewise"),
        Column("grade", "integer", "index into the protocol's scale"),
        Column("peak", "number", "highest debounced score"),
    ),
    "verdicts": (
        _PERSON,
        _WINDOW,
        Column("at", "datetime", "when a nurse decided, moved likewise"),
        Column("grade", "integer", "her grade, index into the protocol's scale; empty: she could not tell"),
    ),
    "scores": (
        _PERSON,
        Column("visit", "string", "stands for the visit"),
        Column("at", "datetime", "when it was said, moved likewise"),
        Column("code", "string", "system|code of the score, such as LOINC 72514-3"),
        Column("value", "number", "as it was given; values that are no numbers are left out"),
    ),
    "cells": (
        Column("age", "string", "age band"),
        Column("protocols", "string", "protocols, separated by blanks"),
        Column("people", "integer", "how many people share both; at least k"),
    ),
}  # fmt: skip


def package(files: Mapping[str, tuple[int, str]], name: str) -> dict[str, object]:
    """The data dictionary (datapackage.json of frictionlessdata.io). `files`: (bytes, sha256) by table."""
    return {
        "profile": "tabular-data-package",
        "name": name,
        "resources": [
            {
                "name": table,
                "path": f"{table}.csv",
                "bytes": files[table][0],
                "hash": f"sha256:{files[table][1]}",
                "schema": {
                    "fields": [
                        {"name": one.name, "type": one.type, "description": one.about} | ({"unit": one.unit} if one.unit else {})
                        for one in columns
                    ],
                    "missingValues": [""],
                },
            }
            for table, columns in TABLES.items()
        ],
    }
