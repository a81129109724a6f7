"""The hospital's door: MLLP in, one committed change of the census per message, acknowledgement out.

    bytes -> header -> text -> change -> census.commit (COMMIT) -> occupancies published -> AA

AA is sent after the commit and after grade was told; whatever fails before that is answered AE (207) and the message can be sent
again: a key that is known is not applied twice. AE and AR name the field and what to do, in our own words only.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType

from wince.clock import Clock, wall_us
from wince.domain.binding import occupancies
from wince.domain.census import Applied, Change, MessageKey, Outcome, Revision
from wince.domain.ids import site_namespace
from wince.domain.stay import Occupancy, Watch
from wince.errors import IntegrityError, Unavailable, WinceError
from wince.hl7 import ack, modes
from wince.hl7.charset import UNDECLARED
from wince.hl7.errors import Hl7Error
from wince.hl7.header import LONGEST, Header, read_header
from wince.hl7.limits import STANDARD, Limits
from wince.hl7.message import ORU, parse
from wince.hl7.mllp_server import MllpServer
from wince.hospital import adt
from wince.hospital.doubled import settled
from wince.hospital.interface import Census, Inside
from wince.hospital.notes import PATIENT_IN_BED
from wince.hospital.outside.heard import Heard
from wince.hospital.parking import Parking, parkable, parked_message
from wince.hospital.results.taking import Results, takes
from wince.hospital.site import Site
from wince.hospital.stays import changed, decide
from wince.telemetry import logs, metrics

log = logs.get(__name__)

INTERNAL = "207"
"""Condition of what the database or another part of ours kept from being taken; the message itself may be right."""
ALL_THAT_IS_BELIEVED = 1 << 62
"""As of a moment after every recording: the census gave only what it believes now."""

Publish = Callable[[Sequence[Occupancy]], None]
"""Tells grade. Called after the commit, possibly from several threads, one call at a time; returns when what it was given will
survive. An exception is answered AE; the sender's next attempt publishes again."""


@dataclass(frozen=True, slots=True)
class _Plain:
    """A message, and what it says where it is a movement that links nothing."""

    raw: bytes
    header: Header | None
    said: adt.Said | None


def _nobody(_occupancies: Sequence[Occupancy]) -> None:
    """Nobody is told."""


class AdtListener:
    """Takes ADT messages, and results where they are wanted, from `start` to `stop`; a context manager. `handle` alone needs no socket."""

    name = "mllp-server"

    def __init__(
        self,
        census: Census,
        site: Site,
        *,
        watches: Sequence[Watch] = (),
        publish: Publish = _nobody,
        heard: Heard | None = None,
        now_us: Clock = wall_us,
        latest_us: Callable[[], int | None] = lambda: None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        limits: Limits = STANDARD,
        charset: str = UNDECLARED,
        parking: Parking | None = None,
        results: Results | None = None,
    ) -> None:
        """`watches`: which camera watches which bed, for `publish`. `heard`: is told when the hospital knew what was taken. `latest_us`:
        the last moment at which an event may have happened; None: any. `port` 0: any free one. `charset`: of messages that declare none.
        `parking`: keeps refused messages (`wince.hospital.parking`); None: every refusal is answered. `results`: takes scores out of ORU
        messages; None: they are rejected."""
        self._census, self._site, self._watches, self._publish, self._now_us = census, site, tuple(watches), publish, now_us
        self._latest_us = latest_us
        told = metrics.turned_away
        self._server = MllpServer(self.handle_all, self._too_long, host=host, port=port, tls=tls, limits=limits, refused=told)
        self._charset, self._parking, self._heard, self._results = charset, parking, heard or Heard(), results
        self._namespace = site_namespace(site.name)
        self._started = f"{now_us() // 1000:x}"
        self._numbers = itertools.count(1)
        self._telling = threading.Lock()
        self._untold: dict[str, int] = {}
        """Beds whose change was committed but not yet published -> from when on."""

    @property
    def port(self) -> int:
        """The port that is listened on, after `start`."""
        return self._server.port

    @property
    def counts(self) -> dict[str, int]:
        """What the wire saw; see MllpServer.counts."""
        return dict(self._server.counts)

    def start(self) -> AdtListener:
        """Listen. Raises ResourceError where the port can't be had."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Answer what is in hand, then close. Idempotent."""
        self._server.stop()

    def failed(self) -> BaseException | None:
        """What ended the listening for good."""
        return self._server.failed()

    def __enter__(self) -> AdtListener:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def handle(self, raw: bytes) -> bytes:
        """One message in, its acknowledgement out: the first where the sender wants two, empty where it wants none."""
        return next(iter(self.answers(raw)), b"")

    def answers(self, raw: bytes) -> list[bytes]:
        """One message in, its acknowledgements out, as its header asks for them. Never raises for what the message does; for what the
        store does only where the sender wants no answer, so that its connection is closed: silence would tell it that all is well."""
        header = read_header(raw)
        error: Hl7Error | None = None
        try:
            if header is None:
                raise _headless(raw)
            self._take(raw, header)
        except Exception as failure:
            error = _refusal(failure)
        if error is not None and error.condition != INTERNAL:
            self._refused(raw, header, error)
            error = self._park(raw, header, error)
        if error is not None and error.condition == INTERNAL and not modes.told(header, taken=False):
            raise Unavailable("a message could not be kept", field="database", remedy="the sender sends it again")
        metrics.heard("taken" if error is None else "failed" if error.condition == INTERNAL else "refused")
        return modes.answers(header, error, self._number, self._now_us())

    def take_again(self, raw: bytes) -> Hl7Error | None:
        """Take a message that was parked; why it can't be. Raises what the store raises."""
        header = read_header(raw)
        assert header is not None
        try:
            self._take(raw, header)
        except (Hl7Error, IntegrityError) as failure:
            return _refusal(failure)
        return None

    def _park(self, raw: bytes, header: Header | None, error: Hl7Error) -> Hl7Error | None:
        """None where the message is parked now, and thereby taken."""
        if self._parking is None or header is None or not parkable(header, error):
            return error
        if modes.told(header, taken=False) and not self._parking.always:
            return error
        try:
            kept = self._parking.keep(parked_message(header, error, self._now_us()), raw)
        except WinceError as failure:
            log.error("refused message not parked", error=failure)
            return _internal()
        if not kept:
            log.error("refused message not parked: no room", field="mllp_parked_bytes", message=header.control_id)
            return error if modes.told(header, taken=False) else _internal()
        metrics.heard("parked")
        log.warning("refused message parked", field=error.field, code=error.condition, message=header.control_id)
        return None

    def handle_all(self, messages: Sequence[bytes]) -> list[bytes]:
        """Several messages of one connection, in order: those that are plain movements are committed together, so that a sender who doesn't
        wait for each answer waits for one commit; where that fails, and for all others, each by itself."""
        answers: list[bytes] = []
        for together, group in itertools.groupby(map(self._plain, messages), lambda one: one.said is not None):
            parts = list(group)
            if together and len(parts) > 1 and self._taken_together(parts):
                for part in parts:
                    metrics.heard("taken")
                    answers += modes.answers(part.header, None, self._number, self._now_us())
            else:
                answers += [answer for part in parts for answer in self.answers(part.raw)]
        return answers

    def _plain(self, raw: bytes) -> _Plain:
        header, said = read_header(raw), None
        if header is not None:
            with suppress(Exception):  # said again, and answered, when the message is taken by itself
                if not adt.ignored(header, self._site):
                    said = adt.read(parse(raw, header, self._charset), self._site, self._now_us(), self._latest_us())
        return _Plain(raw, header, said if said is not None and not said.change.links else None)

    def _taken_together(self, parts: Sequence[_Plain]) -> bool:
        said = [part.said for part in parts if part.said is not None]
        try:
            applied = self._census.commit_all([(one.change, functools.partial(self._decide, one)) for one in said])
            self._committed(list(zip(said, applied, strict=True)))
        except Exception as failure:
            log.info("messages are taken one by one", error=failure)
            return False
        return True

    def _take(self, raw: bytes, header: Header) -> None:
        if self._results is not None and takes(header):  # tells nothing of who lies where, and no bed's feed speaks by it
            self._results.take(parse(raw, header, self._charset, ORU), self._now_us(), self._latest_us())
            return
        message = parse(raw, header, self._charset)
        why = adt.ignored(header, self._site)
        said = None if why else adt.read(message, self._site, self._now_us(), self._latest_us())
        if said is None:
            self._census.audit(adt.key(header, message.digest), "ignored", why or f"ADT^{header.trigger[:3]} MRG")
            log.info("event ignored", trigger=header.trigger[:3], message=header.control_id)
            self._note(adt.word(header, self._site))
            return
        self._committed([(said, self._census.commit(said.change, functools.partial(self._decide, said)))])

    def _committed(self, done: Sequence[tuple[adt.Said, Applied]]) -> None:
        with self._telling:
            for _, applied in done:
                for bed, from_us in changed(applied.revision).items():
                    self._untold[bed] = min(from_us, self._untold.get(bed, from_us))
            self._tell()
        for said, applied in done:
            self._log(said.change, applied.outcome, applied.revision.notes)
            self._note(said.known.us)

    def _note(self, known_us: int | None) -> None:
        if known_us is not None:
            self._heard.note(known_us, self._now_us())

    def _decide(self, said: adt.Said, _change: Change, inside: Inside) -> Revision:
        change = settled(said, inside)
        return replace(decide(self._namespace, change, inside), settled=change.movements)

    def _tell(self) -> None:
        """Publish what has changed; what could not be published stays untold."""
        since: dict[str, int] = {}
        for watch in self._watches:
            if watch.bed in self._untold:
                since[watch.source] = min(self._untold[watch.bed], since.get(watch.source, self._untold[watch.bed]))
        news = [one for source, from_us in sorted(since.items()) for one in self._seen_by(source, from_us)]
        if news:
            self._publish(news)
        self._untold.clear()

    def _seen_by(self, source: str, from_us: int) -> list[Occupancy]:
        """What is believed now of the beds that a camera watched since `from_us`; it replaces what was said for then and later."""
        beds = sorted({watch.bed for watch in self._watches if watch.source == source})
        believed = [stay for bed in beds for stay in self._census.stays(bed, from_us, None)]
        return occupancies(self._watches, believed, source, ALL_THAT_IS_BELIEVED, from_us)

    def _refused(self, raw: bytes, header: Header | None, error: Hl7Error) -> None:
        log.warning("message refused", field=error.field, code=error.condition, message=header.control_id if header else "")
        if header is not None and header.control_id:
            try:
                application, facility, control_id = (header.field(number)[:most] for number, most in LONGEST.items())
                key = MessageKey(application, facility, control_id, hashlib.sha256(raw).hexdigest())
                self._census.audit(key, "rejected", f"{error.field} {error.condition}".strip())
            except WinceError as failure:
                log.error("refusal not audited", error=failure)

    def _too_long(self, beginning: bytes) -> bytes:
        most = self._server.limits.message_bytes
        error = Hl7Error("message too long", condition="102", remedy=f"send at most {most} bytes", rejected=True)
        header = read_header(beginning)
        self._refused(beginning, header, error)
        return ack.refuse(header, error, self._number(), self._now_us())

    def _number(self) -> str:
        return f"{self._started}-{next(self._numbers)}"

    def _log(self, change: Change, outcome: Outcome, notes: Sequence[str]) -> None:
        last = change.movements[-1] if change.movements else None
        patient, bed = ("", "") if last is None else (last.patient.value, last.bed)
        control_id = change.key.control_id
        metrics.noted(notes)
        log.info("event taken", trigger=change.trigger, outcome=outcome, notes=notes, message=control_id, patient=patient, bed=bed)
        if PATIENT_IN_BED in notes:
            log.warning("an unknown visit ends while its patient lies in a bed: look", trigger=change.trigger, patient=patient)


def _refusal(failure: Exception) -> Hl7Error:
    """What the sender is told."""
    if isinstance(failure, Hl7Error):
        return failure
    if isinstance(failure, IntegrityError):
        return Hl7Error("another message under this control id", condition="205", field="MSH-10", remedy="number each message once")
    log.error("message not taken", error=failure)
    return _internal()


def _headless(raw: bytes) -> Hl7Error:
    """Why a message without a header is rejected. A batch (v2.5.1 section 2.10.3) has one for all its messages, and an acknowledgement of
    its own kind: it is for files."""
    if raw.lstrip()[:3] in (b"FHS", b"BHS"):
        return Hl7Error("a batch", condition="100", field="MSH", remedy="send each message of it in a frame of its own", rejected=True)
    return Hl7Error("no MSH segment", condition="100", field="MSH", remedy="begin each message with MSH", rejected=True)


def _internal() -> Hl7Error:
    return Hl7Error("could not be kept", condition=INTERNAL, remedy="send the message again")
