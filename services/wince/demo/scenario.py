"""What `wince run` plays: beds, the patients who lie in them, the clips that stand for their cameras."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path

from wince.errors import ConfigError
from wince.settings import Camera


@dataclass(frozen=True, slots=True)
class Patient:
    """A made-up patient. The name is there to prove that it goes nowhere but into the HL7 message."""

    mrn: str
    family: str
    given: str
    birth_date: date
    sex: str


@dataclass(frozen=True, slots=True)
class Bed:
    """One bed of the scenario."""

    camera: Camera
    patient: Patient | None
    """None: nobody is admitted; nothing may be written."""
    about: str
    """What is seen, for the table at the end."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Beds that are played together."""

    beds: tuple[Bed, ...]

    def fingerprint(self) -> str:
        """Changes with cameras, beds and clips; an interrupted run goes on only with the scenario that it began with."""
        parts = [
            [bed.camera.id, bed.camera.bed, str(bed.camera.clip.resolve()), bed.camera.region, bed.camera.rotation] for bed in self.beds
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


PATIENTS = (
    Patient("100234", "Quastenflosser", "Adelheid", date(1941, 3, 9), "F"),
    Patient("100235", "Ntombela", "Sipho", date(1967, 11, 30), "M"),
    Patient("100236", "Zschokke", "Marguerite", date(1958, 7, 2), "F"),
)
BEDS = ("ICU^101^A", "ICU^102^A", "ICU^103^A")


def clips_dir() -> Path:
    """Folder of the bundled clips."""
    return Path(str(resources.files("wince.testing") / "clips"))


def bundled() -> Scenario:
    """Three beds with the bundled clips."""
    index = json.loads((clips_dir() / "index.json").read_text("utf-8"))
    names = sorted(index)
    if len(names) < len(BEDS):
        raise ConfigError("bundled clips are missing", field=clips_dir(), remedy="install the package again")
    return Scenario(
        tuple(
            Bed(Camera(id=f"cam-{bed.split('^')[1]}", bed=bed, path=clips_dir() / f"{name}.mp4"), patient, index[name]["purpose"])
            for bed, patient, name in zip(BEDS, PATIENTS, names, strict=False)
        )
    )


def configured(cameras: tuple[Camera, ...]) -> Scenario:
    """The cameras of the settings, a made-up patient in every distinct bed."""
    beds = list(dict.fromkeys(camera.bed for camera in cameras))
    made_up = {bed: Patient(f"{200000 + i}", f"Musterfrau{i}", "Erika", date(1950, 1, 1 + i % 28), "F") for i, bed in enumerate(beds)}
    return Scenario(tuple(Bed(camera, made_up[camera.bed], camera.clip.name) for camera in cameras))
