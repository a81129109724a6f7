"""`wince serve imaging`: DICOM objects in, by C-STORE, STOW-RS or a folder; bound to their patients by the census, graded, deleted.

Taking in, looking up and grading are apart: an association ends when its objects are kept, whatever becomes of them then.
"""

from __future__ import annotations

import fcntl
import os
from datetime import tzinfo

from wince.bus.interface import Bus
from wince.dicom import extra
from wince.domain.stay import Identifier
from wince.domain.study import Held, StudyFacts
from wince.domain.window import window_start
from wince.errors import ConfigError, ResourceError
from wince.hl7.segments import Authority
from wince.hospital.site import Site, parts, system
from wince.parts import Part
from wince.serve import imaging_listening, site
from wince.serve.protocols import ProtocolSet
from wince.serve.service import Deps, Repeated, Service
from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.store import studies
from wince.store.database import Database
from wince.telemetry import imaging_metrics, logs

log = logs.get(__name__)

MATCH_S, TIDY_S = 1.0, 60.0
"""How often held objects are looked up, and files deleted."""


def build(deps: Deps) -> Service:
    """The service. Raises ConfigError where no way in is set, where one would be open to the network, or the extra is absent."""
    check(deps.settings)
    tried(deps.settings, deps.protocols)
    made = parts_of(deps.settings, deps.database, deps.bus, deps.protocols)
    return Service("imaging", made.parts)


def tried(settings: Settings, protocols: ProtocolSet) -> None:
    """The models of every protocol give what they should for the golden picture: those that objects are graded by are loaded with the first
    object, and then it would be too late to say so. Raises ModelFileError."""
    from wince.pipeline.detect.face_models import load_face_models
    from wince.serve import golden, scoring

    for protocol in protocols.every.values():
        limits = protocol.detect
        golden.check_models(load_face_models(limits.full_range, settings.models_dir, limits.detector, settings.face_precision), limits)
        golden.check_reader(scoring.reader(settings, protocol).scorer)


def check(settings: Settings) -> None:
    """Raises ConfigError where the settings can't be meant so."""
    if not settings.takes_dicom:
        remedy = "set dicom_port, stow_port or dicom_watch_folder"
        raise ConfigError("no way in for DICOM is set", field="dicom_port", remedy=remedy)
    extra.require()
    site.of(settings)
    imaging_listening.check(settings)


class Imaging:
    """What runs, and where it listens."""

    def __init__(self, parts: list[Part], listening: imaging_listening.Listening) -> None:
        self.parts, self._listening = parts, listening

    @property
    def dicom_port(self) -> int:
        """Of the storage server, once it is started; 0: there is none."""
        return 0 if self._listening.storage is None else self._listening.storage.port

    @property
    def stow_port(self) -> int:
        """Of STOW-RS, once it is started; 0: there is none."""
        return 0 if self._listening.stow is None else self._listening.stow.port


def parts_of(settings: Settings, database: Database, bus: Bus, protocols: ProtocolSet) -> Imaging:
    """Everything that runs, in order of start. Raises ConfigError; ResourceError where another process has the objects' folder."""
    from wince.pipeline.capture.studies import shelf as shelves
    from wince.pipeline.capture.studies.intake import Intake
    from wince.pipeline.capture.studies.interface import Shelf
    from wince.pipeline.capture.studies.matching import Matcher
    from wince.serve.imaging_studies import StudyGrader

    folder = settings.dicom_folder or Places.of(settings).root / "imaging"
    try:
        shelf = Shelf.of(folder)
        lock = FolderLock(shelf)
    except OSError as error:
        raise ResourceError(error.strerror or "can't be used", field="dicom_folder", remedy="name a folder that can be written") from None
    ours, ahead_us = site.of(settings), round(settings.event_ahead_min * 60_000_000)
    identify = Identify(ours, settings.dicom_issuer)
    grader = StudyGrader(database, bus, shelf, settings, protocols)
    matcher = Matcher(database, shelf, identify, Grid(protocols), ahead_us=ahead_us)

    def matched() -> None:
        if matcher.look():
            grader.wake()
        tell(database)

    intake = Intake(database, shelf, identify, zone_of(ours), ahead_us=ahead_us, told=imaging_metrics.received)
    tidy = Repeated("shelf", TIDY_S, lambda: shelves.tidy(database, shelf, settings.dicom_keep_h, settings.dicom_held_days))
    listening = imaging_listening.listen(settings, intake, shelf, database)
    return Imaging([lock, grader, Repeated("matching", MATCH_S, matched), tidy, *listening.parts], listening)


def zone_of(ours: Site) -> tzinfo:
    """The zone of times without an offset."""
    return ours.zone


def tell(database: Database) -> None:
    """Tell the metrics what waits. Raises StoreError, Unavailable."""
    from wince.clock import wall_us

    with database.transaction() as tx:
        found = studies.backlog(tx)
    now_us = wall_us()
    oldest_s = 0.0 if found.oldest_held_us is None else (now_us - found.oldest_held_us) / 1e6
    imaging_metrics.waits(held=found.held, oldest_held_s=oldest_s, open_=found.open)


class Identify:
    """Whose number an object names, by the site's authority (port `pipeline.capture.studies.interface.Identify`)."""

    def __init__(self, ours: Site, issuer: str) -> None:
        """`issuer`: the authority of objects that name none; empty: they are held."""
        self._site, self._issuer = ours, issuer

    def __call__(self, facts: StudyFacts) -> Identifier | Held:
        """The identifier as the census has it."""
        named = parts(facts.issuer)
        if facts.issuer_universal:
            named = Authority(named.namespace, facts.issuer_universal, facts.issuer_kind or "ISO")
        if not named.known:
            named = parts(self._issuer)
        if not named.known:
            return Held.NO_ISSUER
        if not self._site.counts(named):
            return Held.OTHER_HOSPITAL
        return Identifier(system(self._site.own if self._site.authority else named), facts.patient)


class Grid:
    """Where an object's first picture lies on the grid of windows, at most one window early: its pictures then fill whole windows."""

    def __init__(self, protocols: ProtocolSet) -> None:
        self._protocols = protocols

    def __call__(self, at_us: int, bed: str) -> int:
        """The begin of the window of the protocols that look at that bed."""
        return window_start(at_us, max(protocol.window_us for protocol in self._protocols.of_bed(bed)))


class FolderLock:
    """A part of a process: one process at a time works on a folder of objects. It deletes what one before it left half received."""

    name = "objects"

    def __init__(self, shelf: object) -> None:
        self._shelf = shelf
        self._file = -1

    def start(self) -> None:
        """Raises ResourceError where another has it."""
        from wince.pipeline.capture.studies import shelf as shelves
        from wince.pipeline.capture.studies.interface import Shelf

        assert isinstance(self._shelf, Shelf)
        self._file = os.open(self._shelf.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ResourceError(
                "another process works on this folder of objects", field="dicom_folder", remedy="give each imaging service a folder"
            ) from None
        shelves.begin(self._shelf)

    def stop(self) -> None:
        """Give it back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def failed(self) -> BaseException | None:
        """Nothing can fail."""
        return None
