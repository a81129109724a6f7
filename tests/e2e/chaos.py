"""kill -9 of any one process, at a random moment, while clips go down the road: what is lost, what is doubled.

    python -m tests.e2e.chaos --rounds 200 --seed 7        # make chaos ROUNDS=200

A round admits a patient, plays a clip in that bed (each of the bundled clips in turn), and kills one process; every third round kills a
second one while the first is coming back. The next rounds begin while this one still recovers, so that each kill meets several beds, each
at another place. Victims are the services, Kafka, PostgreSQL, `wince up` itself (which is started again on the same state directory, as
an init would); of each 80 rounds the latter 40 are on an installation with a site's ensemble, where TorchServe's front and worker are
victims, too, if TorchServe is installed. A round is over when nothing of it moves any more: then each window of the grid is looked for in
the database, and each entry in the EHR. `lost`: a window without an assessment, an alert that an undisturbed round gives and this one
does not, an entry that the EHR does not hold. `doubled`: an alert or an entry that is there twice, an entry that the database does not
know, another content under a known id. What is not lost but different (a window that is a gap, or of another grade) is counted apart.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

import psycopg

from tests.conftest import reachable
from tests.e2e.chaos_tally import Result, compare, unknown
from tests.e2e.services_world import AT, World, open_deliveries, up
from tests.e2e.wince_run import environment
from tests.support.classifiers import write
from wince.demo import play, scenario
from wince.domain.ids import assessment_id, site_namespace
from wince.errors import ConfigError
from wince.local.torchserve import installed
from wince.models import fetch
from wince.models.site import site_folder
from wince.serve.process import SERVICES
from wince.settings import Settings

PYTHON = Path(__file__).resolve().parents[2] / ".venv-serving/bin/python"
VICTIMS = (*SERVICES, "kafka", "postgres", "supervisor")
SERVING = ("torchserve", "torchserve-worker")
WINDOWS = 5
"""Of each bundled clip."""
WINDOW_US = 5_000_000
ROUND_S = 900.0
"""What has not come by then is lost; on a machine that is shared with others a start of everything alone takes two minutes."""
BLOCK = 40
"""Rounds on one installation; then another is made, by turns without and with TorchServe."""
AT_ONCE = 6
"""Rounds that are open at a time: while one recovers the next begins."""
RARE = "supervisor"
"""Is killed in every second turn only: all of it starts again then."""
SECOND = 3
"""Every third round kills twice."""


@dataclass
class Round:
    """Beds of one round, from their admission to the day when nothing of them moves any more."""

    number: int
    beds: scenario.Scenario
    protocol: str
    began_s: float
    victims: list[str] = field(default_factory=list)

    @property
    def cameras(self) -> list[str]:
        """Their ids; the last figure is the number of the bundled clip."""
        return [bed.camera.id for bed in self.beds.beds]

    @property
    def wanted(self) -> set:
        """Ids of all windows that there must be."""
        site, start_us = site_namespace(Settings().site), play.moment(AT)
        return {
            assessment_id(site, camera, self.protocol, start_us + index * WINDOW_US) for camera in self.cameras for index in range(WINDOWS)
        }


class Chaos:
    """Rounds on one installation."""

    def __init__(
        self, world: World, dice: random.Random, result: Result, *, victims: tuple[str, ...], at_once: int, beds: int, say: bool
    ) -> None:
        self._world, self._dice, self._result, self._beds = world, dice, result, beds
        self._protocol = world.environment.get("WINCE_PROTOCOL", "activity")
        self._order = self._victims(victims)
        self._at_once, self._say = at_once, say
        self._open: list[Round] = []
        self._calm: dict = {}
        self._connection: psycopg.Connection | None = None

    def _victims(self, names: tuple[str, ...]) -> Iterator[str]:
        """Each once before any comes again."""
        for turn in itertools.count():
            now = [name for name in names if name != RARE or turn % 2 == 0]
            yield from self._dice.sample(now, len(now))

    def play(self, first: int, rounds: int, stopped: Callable[[], bool]) -> None:
        """The round before the first is undisturbed: it says what a round gives. What is open when `stopped` says so is not counted."""
        self._begin(0)
        while not self._settle():
            time.sleep(0.5)
        for number in range(first + 1, first + rounds + 1):
            if stopped():
                return
            self._strike(self._begin(number), number)
            while len(self._open) >= self._at_once and not stopped():
                self._settle()
                time.sleep(0.5)
        while self._open and not stopped():
            self._settle()
            time.sleep(0.5)

    def _begin(self, number: int) -> Round:
        every = range(len(scenario.BEDS))
        clips = [(number + index) % len(every) for index in range(self._beds)] if number else every
        one = Round(number, beds(number, clips), self._protocol, time.monotonic())
        self._world.admit(one.beds, first=10 * number)
        self._open.append(one)
        self._world.play(scenario.Scenario(tuple(bed for each in self._open for bed in each.beds.beds)))
        return one

    def _strike(self, one: Round, number: int) -> None:
        """One process, or two: the second while the first comes back."""
        time.sleep(self._dice.uniform(0.2, 3.0))
        for turn in range(2 if number % SECOND == 0 else 1):
            if turn:
                self._result.twice += 1
                time.sleep(self._dice.uniform(0, 3.0))
            victim = next(self._order)
            self._world.until(lambda victim=victim: self._world.kill(victim), 180)
            self._result.killed[victim] += 1
            one.victims.append(victim)

    def _settle(self) -> bool:
        """Close the rounds in which nothing moves any more; whether one was."""
        closed = False
        for one in list(self._open):
            late = time.monotonic() - one.began_s > ROUND_S
            found = self._found(one, late)
            if found is not None:
                self._open.remove(one)
                self._close(one, found)
                closed = True
        return closed

    def _found(self, one: Round, late: bool) -> dict | None:
        """What there is of a round; None while it still moves (`late`: whatever there is)."""
        try:
            if self._connection is None:
                self._connection = self._world.database()
            connection, cameras, wanted = self._connection, one.cameras, one.wanted
            question = "SELECT id, source, start_us, grade, reason FROM assessment WHERE source = ANY(%s)"
            rows = connection.execute(question, (cameras,)).fetchall()
            if not late and (not wanted <= {row[0] for row in rows} or open_deliveries(connection, cameras)):
                return None
            alerts = connection.execute("SELECT source FROM alert WHERE source = ANY(%s)", (cameras,)).fetchall()
            entries = connection.execute("SELECT DISTINCT id FROM entry WHERE source = ANY(%s)", (cameras,)).fetchall()
        except psycopg.OperationalError:  # the database is the one that was killed
            with suppress(psycopg.Error):
                if self._connection is not None:
                    self._connection.close()
            self._connection = None
            return None
        held = [self._world.sandbox.count("Observation", f"identifier=urn:ietf:rfc:3986|urn:uuid:{entry}") for (entry,) in entries]
        missing = len(wanted - {row[0] for row in rows})
        return {
            "clips": [clip(camera) for camera in cameras],
            "windows": {(clip(source), start): (grade, reason) for _, source, start, grade, reason in rows},
            "alerts": Counter(clip(source) for (source,) in alerts),
            "held": held,
            "missing": missing,
            "extra": len(rows) - len(wanted) + missing,
        }

    def _close(self, one: Round, found: dict) -> None:
        if one.number == 0:
            self._calm = found
            return
        result = self._result
        before = (result.lost, result.doubled)
        compare(self._calm, found, result)
        result.rounds += 1
        took_s = time.monotonic() - one.began_s
        result.longest_s = max(result.longest_s, took_s)
        if self._say:
            said = f"lost {result.lost}, doubled {result.doubled}"
            print(f"round {one.number}: {' and '.join(one.victims)}, {took_s:.0f} s; {said}", flush=True)
            if (result.lost, result.doubled) != before:
                print(f"  {found}\n  undisturbed: {self._calm}", flush=True)


def beds(number: int, clips: Iterable[int]) -> scenario.Scenario:
    """Some of the bundled clips in beds, with cameras and patients of this round."""
    made = []
    for index in clips:
        bed = scenario.bundled().beds[index]
        camera = bed.camera.model_copy(update={"id": f"r{number}-{index}", "bed": f"ICU^{number}{index}^A"})
        assert bed.patient is not None
        made.append(replace(bed, camera=camera, patient=replace(bed.patient, mrn=f"{number:05d}{index}")))
    return scenario.Scenario(tuple(made))


def clip(camera: str) -> int:
    """Which of the bundled clips a camera plays."""
    return int(camera.rpartition("-")[2])


def run(
    directory: Path,
    rounds: int,
    seed: int,
    result: Result | None = None,
    *,
    first: int = 0,
    victims: tuple[str, ...] = VICTIMS,
    at_once: int = AT_ONCE,
    beds: int = 1,
    say: bool = True,
    stopped: Callable[[], bool] = lambda: False,
    **environment_: str,
) -> Result:
    """Rounds (`beds` in each, counted from `first` on) until `stopped`, the drain, and the audit; counted into `result` as they end."""
    result = result or Result()
    verified, result.verified = result.verified or not result.rounds, False
    with up(directory, WINCE_LEASE_S="5", **environment_) as world:
        Chaos(world, random.Random(seed), result, victims=victims, at_once=at_once, beds=beds, say=say).play(first, rounds, stopped)
        world.come_up()  # the last victim may have been `wince up`
        with world.database() as connection:
            result.doubled += connection.execute("SELECT count(*) FROM audit WHERE event = 'alarm'").fetchone()[0]
            result.doubled += unknown(world, connection)
        assert world.stop() == 0, world.said()
    command = [sys.executable, "-m", "wince.cli.main", "audit", "verify"]
    done = subprocess.run(command, env=environment(directory / "state"), capture_output=True, text=True, timeout=300, check=False)
    result.verified = verified and done.returncode == 0
    return result


def served(directory: Path) -> dict[str, str]:
    """What makes an installation one with TorchServe: a protocol with a member of a site's own (a random one). Raises ConfigError where
    TorchServe can't be started here."""
    installed(PYTHON)
    models = directory / "models"
    models.mkdir(parents=True)
    for file in fetch.cache_folder().iterdir():
        if file.is_file():
            (models / file.name).symlink_to(file)
    write(site_folder(models) / "postoperative-vgg16.onnx", 4, 17)
    return {"WINCE_MODELS_DIR": str(models), "WINCE_PROTOCOL": "postoperative", "WINCE_SERVING__PYTHON": str(PYTHON)}


def main() -> None:
    """From the command line. SIGINT and SIGTERM end it early: what was done is told, what is open is not counted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", "1")))
    given = parser.parse_args()
    told: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        told.append(number)

    def stopped() -> bool:
        return bool(told)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    result, began_s = Result(), time.monotonic()
    try:
        with reachable() as directory:
            try:
                chosen = served(directory / "served")
            except ConfigError as error:
                print(f"TorchServe is not among those that are killed: {error.diagnostics()}", flush=True)
                chosen = {}
            for first in range(0, given.rounds, BLOCK):
                if not stopped():
                    count, hosts = min(BLOCK, given.rounds - first), bool(chosen) and first // BLOCK % 2 == 1
                    victims, more = ((*VICTIMS, *SERVING), chosen) if hosts else (VICTIMS, {})
                    place = directory / str(first)
                    place.mkdir()
                    run(place, count, given.seed + first, result, first=first, victims=victims, stopped=stopped, **more)
    finally:
        took = f"{time.monotonic() - began_s:.0f} s"
        early = f"; ended by {signal.Signals(told[0]).name}, of {given.rounds} rounds" if told else ""
        print(f"seed {given.seed}; {took}; {result.detail()}{early}")
        print(result.line(), flush=True)
    sys.exit(0 if result.good else 1)


if __name__ == "__main__":
    main()
