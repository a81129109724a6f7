"""What R4 says of a resource's shape, by the classes of `fhir.resources`: which elements there are, how often, of which type and format.

The classes are those of release R4B (4.3.0); the package has none of R4 (4.0.1), which Wince speaks. Of the types that Wince writes they
differ in two places, both of which are wider or unused here: R4B lets Observation.subject be of five more types (Wince writes a
Patient), and makes Device.udiCarrier.deviceIdentifier required (Wince writes no UDI). HAPI's validator, which has R4's own definitions,
passes the same resources (tests/integration/test_fhir_validators.py).

What the classes let pass is checked in `invariants`: value sets (theirs are cut short: "registered, preliminary, final, amended, +"),
empty lists and objects, an object given as a string of JSON, and every rule between elements. They are asked to validate only, never to
write: written by them, 1.10 becomes 1.1 and `.000` is lost, and what was rendered is what the audit trail proves.

A class takes 0.1 ms (Device) to 0.8 ms (Observation) for a resource, seven times what it takes to build one. Its verdict rests on the
form alone: which elements there are, and what their values look like. So `Forms` remembers the forms that fitted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

Resource = dict[str, Any]
"""A FHIR resource as parsed JSON."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule."""

    rule: str
    """Name of the rule, as in the tables here and in `invariants`."""
    path: str
    """FHIRPath-like place, such as "Observation.component[2].valueQuantity"."""
    text: str
    """What is wrong; never the value found there (it may be about a patient)."""


_VARIABLE = (
    (re.compile(r'":[0-9.]+(?:e-?[0-9]+)?(?=[,}])'), '":0'),
    (re.compile(r"uuid:[0-9a-f]{8}-[0-9a-f-]{27}"), "uuid:0"),
    (re.compile(r'":"[0-9a-f]{8}-[0-9a-f-]{27}'), '":"0'),
)
"""What differs from resource to resource of one form, as JSON: numbers (their sign stays) and UUIDs. A pattern begins with fixed text:
that is five times as fast."""
_DIGITS = str.maketrans("123456789", "000000000")
_MISSING = frozenset({"missing", "model_field_validation.missing"})


def load(*kinds: str) -> None:
    """Import the classes of these types now (0.2 s and 18 MB for five), so that the first resource does not wait for them."""
    for kind in kinds:
        _class(kind)


def misfits(resource: Resource, kind: str) -> list[Problem]:
    """Where a resource of type `kind` does not fit its class; empty where it does.

    card      an element that R4 requires is missing
    element   R4 has no such element there
    choice-1  at most one type of effective[x], value[x], ...
    format    not of the element's type or format (instant, dateTime, code, id, decimal, ...)
    type      R4 has no such type
    """
    model = _class(kind)
    if model is None:
        return [Problem("type", "resourceType", "names no type of R4")]
    try:
        model.model_validate(resource)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return [_problem(kind, fault["type"], fault["loc"], fault["msg"]) for fault in found]
    return []


class Forms:
    """Documents that this program made of resources: their classes are asked once for each form. Thread-safe.

    Two documents have one form where they differ in digits, numbers and UUIDs only. So what depends on a digit is asked once: that a day
    exists. Times must come from a function that can't write another (`delivery.fhir.parts.instant`). The last `most` forms are
    remembered, each as a digest, so that nothing of a patient is.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._fitted: dict[bytes, None] = {}

    def misfits(self, text: str, resources: Iterable[Resource]) -> list[Problem]:
        """Where one of `resources` does not fit its class; `text` is the document that holds them, as compact JSON."""
        for pattern, fixed in _VARIABLE:
            text = pattern.sub(fixed, text)
        form = hashlib.blake2b(text.translate(_DIGITS).encode(), digest_size=16).digest()
        if form in self._fitted:
            return []
        found = [problem for resource in resources for problem in misfits(resource, str(resource.get("resourceType")))]
        if not found:
            self._fitted[form] = None
            while len(self._fitted) > self._most:
                self._fitted.pop(next(iter(self._fitted)), None)
        return found


@cache
def targets(kind: str) -> Mapping[str, frozenset[str]]:
    """The elements of a type that are References, with the types that they may point to; no types: any."""
    model = _class(kind)
    found: dict[str, frozenset[str]] = {}
    for name, field in (model.model_fields if model is not None else {}).items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and isinstance(allowed := extra.get("enum_reference_types"), list):
            found[field.alias or name] = frozenset(str(kind) for kind in allowed) - {"Resource"}
    return found


@cache
def _class(kind: str) -> type[BaseModel] | None:
    from fhir.resources.R4B import get_fhir_model_class  # its import is felt at a program's start

    try:
        model = get_fhir_model_class(kind)
    except ValueError:
        return None
    found: type[BaseModel] | None = model if model.has_resource_base() else None
    return found


def _problem(kind: str, sort: str, loc: tuple[int | str, ...], message: str) -> Problem:
    path = kind + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    if sort in _MISSING:
        return Problem("card", path, "is required")
    if sort == "extra_forbidden":
        return Problem("element", path, "is no element of R4")
    if "one field value" in message:
        return Problem("choice-1", path, "only one type of a choice may be given")
    return Problem("format", path, "is not of the type or format that R4 says")
