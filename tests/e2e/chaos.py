"""kill -9 of any one process, at a random moment, while clips go down the road: what is lost, what is doubled.

    python -m tests.e2e.chaos --rounds 200 --seed 7        # make chaos ROUNDS=200

A round admits three patients, plays three clips in their beds, kills one process, and waits until nothing moves any more. Then it looks
for each window of the grid in the database, and for each entry in the EHR. `lost`: a window without an assessment, an alert that an
undisturbed round gives and this one does not, an entry that the EHR does not hold. `doubled`: an alert or an entry that is there twice,
another content under a known id. What is not lost but different (a window that is a gap, or of another grade) is counted apart.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.conftest import reachable
from tests.e2e.services_world import AT, World, open_deliveries, up
from tests.e2e.wince_run import environment
from wince.domain.ids import assessment_id, site_namespace
from wince.runtime import play, scenario
from wince.runtime.services.host import SERVICES
from wince.settings import Settings

VICTIMS = (*SERVICES, "kafka", "postgres")
WINDOWS = 5
"""Of each bundled clip."""
WINDOW_US = 5_000_000
ROUND_S = 300.0


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
    longest_s: float = 0.0
    verified: bool = False

    def line(self) -> str:
        """The last line."""
        audit = "audit chain verified" if self.verified else "audit chain NOT verified"
        return f"chaos: {self.rounds} rounds, lost {self.lost}, doubled {self.doubled}, {audit}"

    def detail(self) -> str:
        """Everything else."""
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.killed.items()))
        return f"killed: {killed}; windows that are gaps {self.gaps}, of another grade {self.other}; longest round {self.longest_s:.0f} s"


def beds(number: int) -> scenario.Scenario:
    """The bundled clips in beds, with cameras and patients of this round."""
    made = []
    for index, bed in enumerate(scenario.bundled().beds):
        camera = bed.camera.model_copy(update={"id": f"r{number}-{index}", "bed": f"ICU^{number}{index}^A"})
        assert bed.patient is not None
        made.append(replace(bed, camera=camera, patient=replace(bed.patient, mrn=f"{number:05d}{index}")))
    return scenario.Scenario(tuple(made))


def run(directory: Path, rounds: int, seed: int, *, victims: tuple[str, ...] = VICTIMS, say: bool = True) -> Result:
    """The first round is undisturbed: it says what a round gives."""
    dice = random.Random(seed)
    result = Result()
    with up(directory, WINCE_LEASE_S="5") as world:
        calm = _round(world, 0, None, dice, result)
        order: list[str] = []
        for number in range(1, rounds + 1):
            if not order:
                order = dice.sample(victims, len(victims))  # each once before any comes again
            began = time.monotonic()
            victim = order.pop()
            found = _round(world, number, victim, dice, result)
            _compare(calm, found, result)
            result.rounds += 1
            result.longest_s = max(result.longest_s, time.monotonic() - began)
            if say:
                took_s = time.monotonic() - began
                print(f"round {number}: {victim}, {took_s:.0f} s; lost {result.lost}, doubled {result.doubled}", flush=True)
        with world.database() as connection:
            result.doubled += connection.execute("SELECT count(*) FROM audit WHERE event = 'alarm'").fetchone()[0]
        assert world.stop() == 0, world.said()
    command = [sys.executable, "-m", "wince.cli.main", "audit", "verify"]
    done = subprocess.run(command, env=environment(directory / "state"), capture_output=True, text=True, timeout=300, check=False)
    result.verified = done.returncode == 0
    return result


def _round(world: World, number: int, victim: str | None, dice: random.Random, result: Result) -> dict:
    """Admit, play, kill, wait; what there is then."""
    scene = beds(number)
    world.admit(scene, first=10 * number)
    world.play(scene)
    cameras = [bed.camera.id for bed in scene.beds]
    if victim is not None:
        time.sleep(dice.uniform(0.5, 6.0))
        world.until(lambda: world.kill(victim), 60)
        result.killed[victim] += 1
    wanted = {
        assessment_id(site_namespace(Settings().site), camera, "activity", play.moment(AT) + index * WINDOW_US)
        for camera in cameras
        for index in range(WINDOWS)
    }
    deadline = time.monotonic() + ROUND_S
    while time.monotonic() < deadline:
        try:
            with world.database() as connection:
                while time.monotonic() < deadline:
                    rows = connection.execute(
                        "SELECT id, source, start_us, grade, reason FROM assessment WHERE source = ANY(%s)", (cameras,)
                    ).fetchall()
                    if wanted <= {row[0] for row in rows} and open_deliveries(connection) == 0:
                        return _found(world, connection, rows, wanted, cameras)
                    time.sleep(0.3)
                return _found(world, connection, rows, wanted, cameras)
        except Exception as error:  # the database is the one that was killed
            if "Operational" not in type(error).__name__ and "Shutdown" not in type(error).__name__:
                raise
            time.sleep(0.5)
    raise AssertionError(world.said())


def _found(world: World, connection, rows: list, wanted: set, cameras: list[str]) -> dict:
    windows = {(cameras.index(source), start): (grade, reason) for _, source, start, grade, reason in rows}
    alerts = Counter(
        cameras.index(source) for (source,) in connection.execute("SELECT source FROM alert WHERE source = ANY(%s)", (cameras,)).fetchall()
    )
    entries = connection.execute("SELECT DISTINCT id FROM entry WHERE source = ANY(%s)", (cameras,)).fetchall()
    held = [world.sandbox.count("Observation", f"identifier=urn:ietf:rfc:3986|urn:uuid:{one}") for (one,) in entries]
    missing = len(wanted - {row[0] for row in rows})
    return {"windows": windows, "alerts": alerts, "held": held, "missing": missing, "extra": len(rows) - len(wanted) + missing}


def _compare(calm: dict, found: dict, result: Result) -> None:
    result.lost += found["missing"] + found["held"].count(0)
    result.doubled += sum(max(0, count - 1) for count in found["held"]) + max(0, found["extra"])
    for index in range(len(scenario.BEDS)):
        result.lost += max(0, calm["alerts"][index] - found["alerts"][index])
        result.doubled += max(0, found["alerts"][index] - calm["alerts"][index])
    for key, wanted in calm["windows"].items():
        now = found["windows"].get(key, wanted)
        result.gaps += now != wanted and now[1] in ("gap", "late")
        result.other += now != wanted and now[1] not in ("gap", "late")


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "1")))
    given = parser.parse_args()
    with reachable() as directory:
        result = run(directory, given.rounds, given.seed)
    print(f"seed {given.seed}; {result.detail()}")
    print(result.line())
    sys.exit(0 if (result.lost, result.doubled, result.verified) == (0, 0, True) else 1)


if __name__ == "__main__":
    main()
