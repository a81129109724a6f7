"""What rounds of chaos came to: what was lost, what is there twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import psycopg

from tests.e2e.services_world import World


@dataclass
class Result:
    """What the rounds came to."""

    rounds: int = 0
    lost: int = 0
    doubled: int = 0
    gaps: int = 0
    """Windows that say `gap`: something of them was lost on the way, and said so."""
    other: int = 0
    """Windows with another grade or reason than undisturbed."""
    killed: Counter[str] = field(default_factory=Counter)
    twice: int = 0
    """Rounds in which a second process was killed."""
    longest_s: float = 0.0
    verified: bool = False

    @property
    def good(self) -> bool:
        """Nothing lost, nothing doubled, and it can be proved."""
        return (self.lost, self.doubled, self.verified) == (0, 0, True)

    def line(self) -> str:
        """The last line."""
        audit = "audit chain verified" if self.verified else "audit chain NOT verified"
        return f"chaos: {self.rounds} rounds, lost {self.lost}, doubled {self.doubled}, {audit}"

    def detail(self) -> str:
        """Everything else."""
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.killed.items()))
        different = f"windows that are gaps {self.gaps}, of another grade {self.other}"
        return f"killed: {killed}; two in a round {self.twice}; {different}; longest round {self.longest_s:.0f} s"


def unknown(world: World, connection: psycopg.Connection) -> int:
    """Observations that the EHR holds and the database does not know: it was made to forget what it had promised."""
    known = connection.execute("SELECT DISTINCT id FROM entry").fetchall()
    return world.sandbox.count("Observation") - sum(
        world.sandbox.count("Observation", f"identifier=urn:ietf:rfc:3986|urn:uuid:{entry}") for (entry,) in known
    )


def compare(calm: dict, found: dict, result: Result) -> None:
    """Count what a disturbed round has less, or more, than an undisturbed one."""
    result.lost += found["missing"] + found["held"].count(0)
    result.doubled += sum(max(0, count - 1) for count in found["held"]) + max(0, found["extra"])
    for index in found["clips"]:
        result.lost += max(0, calm["alerts"][index] - found["alerts"][index])
        result.doubled += max(0, found["alerts"][index] - calm["alerts"][index])
    for key, wanted in calm["windows"].items():
        now = found["windows"].get(key, wanted)  # one that is not there is lost, or of a clip that was not played
        result.gaps += now != wanted and now[1] in ("gap", "late")
        result.other += now != wanted and now[1] not in ("gap", "late")
