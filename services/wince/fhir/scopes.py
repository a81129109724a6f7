"""SMART Backend Services scopes that Wince asks for, in both spellings of the standard (SMART App Launch 1 and 2, scopes of a system)."""

from __future__ import annotations

_WRITTEN = ("Observation", "Task", "CommunicationRequest", "Provenance", "AuditEvent", "Device")
_READ = ("Patient", "Encounter")

WRITER_SCOPE = " ".join([*(f"system/{kind}.crus" for kind in _WRITTEN), *(f"system/{kind}.rs" for kind in _READ)])
"""What Wince's writer needs, as version 2 spells it."""
WRITER_SCOPE_V1 = " ".join(
    [*(f"system/{kind}.{may}" for kind in _WRITTEN for may in ("read", "write")), *(f"system/{kind}.read" for kind in _READ)]
)
"""The same as version 1 spells it."""
_CENSUS = ("Encounter", "Patient", "Location")
CENSUS_SCOPE = " ".join(f"system/{kind}.rs" for kind in _CENSUS)
"""What reading the census needs, as version 2 spells it."""
VERSIONS = {"v1": WRITER_SCOPE_V1, "v2": WRITER_SCOPE}


def asked(setting: str) -> str:
    """The scopes to ask for: "v1" and "v2" name the sets above, anything else is the scopes themselves.

    >>> asked("v1").split()[:2], asked("system/*.*")
    (['system/Observation.read', 'system/Observation.write'], 'system/*.*')
    """
    return VERSIONS.get(setting, setting)


def census(setting: str) -> str:
    """The same of reading the census.

    >>> census("v1"), census("system/*.*")
    ('system/Encounter.read system/Patient.read system/Location.read', 'system/*.*')
    """
    return {"v1": " ".join(f"system/{kind}.read" for kind in _CENSUS), "v2": CENSUS_SCOPE}.get(setting, setting)
