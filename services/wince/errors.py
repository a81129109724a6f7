"""Everything that can go wrong, as one tree.

WinceError                     code, field, remedy; diagnostics() is what a person reads
├── InputError                 what came from outside is wrong; the sender must change it
│   ├── MediaError             video, picture
│   ├── ProtocolError          a clinical protocol's file
│   ├── ConfigError            settings, command line, camera list
│   ├── ModelFileError         a model file is absent, changed or of another version
│   ├── DataError              a corpus, a truth table, a head file
│   └── MessageError           HL7, gRPC, protobuf, FHIR: a message of another party
├── PeerError                  another party failed; recoverable by trying again
│   ├── Unavailable            no answer, or an answer that says "later"; the outcome may be unknown
│   └── Refused                a definite no; trying the same again is pointless
├── ResourceError              this machine: disk full, port taken, permission, out of memory
├── StoreError                 the database
└── IntegrityError             a promise is broken: audit chain, content under a known id; never retried
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from os import PathLike, fspath


class WinceError(Exception):
    """Root of all errors that Wince raises on purpose.

    `message` must not hold anything about a patient: it is logged and shown.
    """

    code = "internal"
    """Stable, machine readable name of the kind of error."""
    exit_code = 1
    """What the command line exits with when this error ends it."""

    def __init__(self, message: str, *, field: str | PathLike[str] = "", remedy: str = "") -> None:
        """`field`: a file is given as a path, so that logs, which may hold no name, know it from a name of ours."""
        super().__init__(message)
        self.message = message
        self.field = fspath(field)
        """The input that is wrong, as the sender knows it: an option, a file, "PID-3"; empty where none is."""
        self.is_path = isinstance(field, PathLike)
        """Whether `field` is a path: shown to the person who named it, hashed in logs, since people name files after patients."""
        self.remedy = remedy
        """What the reader can do about it; empty where nothing can be done."""

    def diagnostics(self) -> str:
        """One or two lines for a person: what, where, what to do."""
        where = f"{self.field}: " if self.field else ""
        advice = f"\n  remedy: {self.remedy}" if self.remedy else ""
        return f"{where}{self.message}{advice}"


class InputError(WinceError):
    """What came from outside is wrong; the sender must change it."""

    code = "invalid_input"
    exit_code = 3


class MediaError(InputError):
    """A video or picture can't be used."""

    code = "media"


class ProtocolError(InputError):
    """A clinical protocol's file is wrong."""

    code = "protocol"


class ConfigError(InputError):
    """A setting, an option or the camera list is wrong."""

    code = "config"
    exit_code = 4


class ModelFileError(InputError):
    """A model file is absent, changed, or of another version than asked for."""

    code = "model_file"
    exit_code = 5


class DataError(InputError):
    """A corpus, truth table or head file is wrong."""

    code = "data"


class MessageError(InputError):
    """A message of another party (HL7, gRPC, protobuf, FHIR) is wrong."""

    code = "message"


class PeerError(WinceError):
    """Another party failed."""

    code = "peer"
    exit_code = 6


class Unavailable(PeerError):
    """No answer, or one that says "later". The outcome of the request may be unknown."""

    code = "unavailable"

    def __init__(self, message: str, *, field: str = "", remedy: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, field=field, remedy=remedy)
        self.retry_after_s = retry_after_s
        """What the peer asked for, seconds; None where it said nothing."""


class Refused(PeerError):
    """A definite no; the same request again is pointless."""

    code = "refused"


class ResourceError(WinceError):
    """This machine can't: disk full, port taken, permission, memory."""

    code = "resource"
    exit_code = 7


class StoreError(WinceError):
    """The database failed."""

    code = "store"
    exit_code = 8

    def __init__(self, message: str, *, field: str | PathLike[str] = "", remedy: str = "", of_content: bool = False) -> None:
        super().__init__(message, field=field, remedy=remedy)
        self.of_content = of_content
        """It refused what was to be written: the same again is refused again."""


class IntegrityError(WinceError):
    """A promise is broken (audit chain, other content under a known id). Never retried."""

    code = "integrity"
    exit_code = 9


def meant(word: str, known: Iterable[str]) -> str:
    """What a word was meant to be, as a remedy; empty where nothing is near.

    >>> meant("ehr_ulr", ["ehr_url", "site"])
    'did you mean ehr_url?'
    """
    near = difflib.get_close_matches(word, list(known), 1, 0.6)
    return f"did you mean {near[0]}?" if near else ""


def choices(word: str, known: Iterable[str]) -> str:
    """The remedy where a word is none of those that are known: the nearest, and all of them.

    >>> choices("actvity", ["activity", "icu"]), choices("x", [])
    ('did you mean activity? One of: activity, icu', 'there is none')
    """
    every = list(known)
    if not every:
        return "there is none"
    near = meant(word, every)
    return f"{near} One of: {', '.join(every)}" if near else f"one of: {', '.join(every)}"
