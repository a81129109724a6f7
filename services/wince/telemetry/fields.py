"""Which part of an error's field may stand in a log: names of ours, never a file's name or what somebody typed.

A field says what is wrong as its sender knows it: a setting, an element of a message, an option with its value, a file. People name
files and folders after patients. So only what has the form of a name of ours is written as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_RESOURCES = (
    "AuditEvent|Bundle|CapabilityStatement|Device|Encounter|Observation|OperationOutcome|Patient|Practitioner|Provenance|Task|Basic|Flag"
)
_WORD = re.compile(
    rf"""[a-z0-9_.:,\[\]()*-]+                    # a setting, an element of a message, a table, a topic, host:port
    | [A-Z][A-Z0-9_]*(-[0-9.]+)*,?                   # a variable of the environment, a field of HL7
    | wince(\.\w+)+                                  # a schema
    | /wince(\.\w+)+/\w+                             # a method of gRPC
    | [0-9a-f-]{{36}}/[0-9]+                         # an entry and its revision
    | ({_RESOURCES})([.\[][\w.\[\]():-]*)?           # an element of FHIR""",
    re.VERBOSE,
)
_NAMED = re.compile(r"(--[a-z-]+[ =]|[A-Za-z0-9_.]+=)(?=.)")
"""An option or a setting before its value."""
_SERVER = re.compile(r"[a-z]+://[a-z0-9.:\[\]-]+")


def shown(field: str, pseudonym: Callable[[str], str]) -> str:
    """The field as a log may hold it: names of ours as they are, a value or anything else by `pseudonym`.

    >>> [shown(one, lambda _: "#") for one in ("PID-3", "rpc.host, rpc.port: [::1]:80", "WINCE_CONFIG=/etc/Mueller.toml", "audit row 7")]
    ['PID-3', 'rpc.host, rpc.port: [::1]:80', 'WINCE_CONFIG=#', 'audit row 7']
    >>> [shown(one, lambda _: "#") for one in ("/clips/Mueller Anna.mp4", "--clip ICU^1^A=a.mp4", "https://ehr.example/fhir/Patient")]
    ['#', '--clip #', 'https://ehr.example#']
    """
    if all(_WORD.fullmatch(word) for word in field.split(" ") if word):
        return field
    if (named := _NAMED.match(field)) or (named := _SERVER.match(field)):
        return named[0] + pseudonym(field[named.end() :])
    return pseudonym(field)
