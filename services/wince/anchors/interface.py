"""What a second place must do."""

from __future__ import annotations

from typing import Protocol

from wince.domain.audit import Checkpoint, Witness


class Place(Protocol):
    """Keeps checkpoints, away from the database and its host. Used by one thread at a time."""

    kind: str
    """"file", "s3" or "timestamp": for metrics."""
    name: str
    """Kind and where it is, without a secret: for a person. Another place has another name."""
    every_s: float
    """How often it gets a checkpoint, at most."""

    def put(self, point: Checkpoint, key: str) -> None:
        """Returns when the place keeps the checkpoint, for good. Putting it again changes nothing. `key`: whose signature it has, hex.

        May block for its time limits. Raises Unavailable (perhaps it keeps it), Refused, ResourceError, ConfigError, and IntegrityError
        where something else stands there under the same row.
        """
        ...

    def witnesses(self) -> list[Witness]:
        """Everything that it keeps, in any order. Raises as `put`; IntegrityError where something there is no checkpoint of ours."""
        ...

    def probe(self) -> str:
        """Tries it and changes nothing; what it found, for a person. Raises as `put`."""
        ...
