"""What Prometheus is told. Every metric is described in docs/reference/metrics.md; a test holds both to each other.

No metric knows a patient: labels are camera ids, names out of protocol files, reasons, topics, outcomes, and methods and statuses of
gRPC; anything that does not look like one becomes "other". Counts are of what this process did, and what is done twice after a crash
is counted twice: the record holds the truth, metrics the trend. Times in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.frame import US
from wince.errors import ResourceError, WinceError
from wince.telemetry.cameras import CameraCollector

REGISTRY = CollectorRegistry()
"""The page has neither TLS nor a password, so by default it is for this machine; a collector beside the process takes it further."""
REPLAY_S = 3600.0
"""A window committed later than this after its end was replayed. Its latency means nothing and is left out."""
DAY_S = 86_400.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}")
_OBJECT = re.compile(r"[0-9.]{16,64}|[0-9a-f]{64}")
"""A SOP Instance UID, or the sha256 of a file; an IPv4 address is shorter."""

ALERT_LATENCY = Histogram(
    "wince_alert_latency_seconds", "From the last frame of a window with an alert to its commit in the record",
    buckets=(0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300), registry=REGISTRY,
)  # fmt: skip
WINDOW_LATENCY = Histogram(
    "wince_window_latency_seconds", "From the last frame of any window to its commit in the record",
    buckets=(0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300), registry=REGISTRY,
)  # fmt: skip
ASSESSABLE_SHARE = Histogram(
    "wince_assessable_share", "Share of the expected frames of a window with an assessable face, 0 to 1", ("protocol",),
    buckets=(0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1), registry=REGISTRY,
)  # fmt: skip
WINDOWS = Counter("wince_windows", "Windows by what came of them: graded, or why not", ("protocol", "outcome"), registry=REGISTRY)
BED_SECONDS = Counter("wince_bed_seconds", "Length of all windows: time for which beds were watched", ("protocol",), registry=REGISTRY)
ALERTS = Counter("wince_alerts", "Alerts raised", ("protocol", "grade"), registry=REGISTRY)
ALERTS_PER_BED_DAY = Gauge("wince_alerts_per_bed_day", "Alerts for each 24 hours of watching, since the start", registry=REGISTRY)
QUESTIONS = Counter("wince_questions", "Questions asked of a nurse", ("reason",), registry=REGISTRY)
SWITCHED_OFF_AGE = Gauge("wince_switched_off_oldest_seconds", "For how long the oldest switch is off; 0 where none is", registry=REGISTRY)
QUESTION_AGE = Gauge(
    "wince_question_oldest_seconds", "Age of the oldest open question about a patient; 0 where none is open", registry=REGISTRY
)
QUESTIONS_OPEN = Gauge("wince_questions_open", "Questions that nobody has answered", registry=REGISTRY)
FRAMES_DROPPED = Counter("wince_frames_dropped", "Frames of a camera that were dropped for newer ones", ("source",), registry=REGISTRY)
LAG = Gauge("wince_consumer_lag_seconds", "How far the newest message of the last batch lies behind now", ("group",), registry=REGISTRY)
DEAD_LETTERS = Counter("wince_dead_letters", "Records that could not be taken and were set aside", ("topic",), registry=REGISTRY)
MIXED = Counter(
    "wince_mixed_rules", "Estimates that other rules of their protocol read than grade has, set aside", ("protocol",), registry=REGISTRY
)
AHEAD = Counter("wince_ahead", "Messages of a source that lay too far ahead of now and were set aside", ("source",), registry=REGISTRY)
DELIVERIES = Counter("wince_deliveries", "Attempts to write an entry to a target, by outcome", ("target", "outcome"), registry=REGISTRY)
DELIVERY_RETRIES = Counter("wince_delivery_retries", "Attempts that have to be made again", ("target",), registry=REGISTRY)
OUTBOX_WAITING = Gauge("wince_outbox_waiting", "Deliveries that will still be tried by themselves", ("target",), registry=REGISTRY)
OUTBOX_HELD = Gauge("wince_outbox_held", "Deliveries behind the hold of their target", ("target",), registry=REGISTRY)
OUTBOX_BY_HAND = Gauge(
    "wince_outbox_by_hand", "What a person has to do at a target that takes nothing back", ("target",), registry=REGISTRY
)
OUTBOX_UNFINISHED = Gauge(
    "wince_outbox_unfinished", "Entries that were written while something beside them was refused", ("target",), registry=REGISTRY
)
OUTBOX_DEAD = Gauge("wince_outbox_dead", "Deliveries that were refused for good and wait for a person", ("target",), registry=REGISTRY)
OUTBOX_AGE = Gauge(
    "wince_outbox_oldest_seconds", "How long the oldest open delivery waits; dead letters are left out", ("target",), registry=REGISTRY
)
TARGET_HELD = Gauge("wince_target_held", "1 while a target is sent nothing: it refused us as a whole", ("target",), registry=REGISTRY)
TARGET_HOLDS = Counter("wince_target_holds", "Holds of a target that began", ("target",), registry=REGISTRY)
TARGET_ODD = Counter("wince_target_odd_answers", "Answers of a target of which nothing could be made", ("target",), registry=REGISTRY)
CREDENTIAL_LEFT = Gauge(
    "wince_credential_seconds_left", "Until a certificate or key that a service uses ends", ("service", "name"), registry=REGISTRY
)
READ_BACK = Counter("wince_read_back", "Entries that were read back, by what the target shows", ("target", "result"), registry=REGISTRY)
READ_BACK_DIFFERS = Gauge(
    "wince_read_back_differs", "Entries of which a target shows something else than was written", ("target",), registry=REGISTRY
)
REVIEWED = Counter(
    "wince_reviewed", "Entries and windows that another census changed, by what became of them", ("event",), registry=REGISTRY
)
REVIEWS_FAILED = Counter("wince_reviews_failed", "Reviews of a camera's record that can't be written", registry=REGISTRY)
REVIEWS_WAITING = Gauge("wince_reviews_waiting", "Beds and cameras to be looked at again in the record", registry=REGISTRY)
ASIDE_SOURCES = Gauge("wince_aside_sources", "Cameras whose messages can't be written and are set aside", registry=REGISTRY)
ASIDE_MESSAGES = Gauge("wince_aside_messages", "Messages that are set aside", registry=REGISTRY)
FACES_GIVEN_UP = Counter("wince_faces_given_up", "Faces that a served ensemble was not asked for: late at once", registry=REGISTRY)
CAMERA_LIST_WRONG = Gauge("wince_camera_list_wrong", "1 while the list before goes on, as the file's is wrong", registry=REGISTRY)
MODELS_FAULT = Gauge("wince_models_fault", "1 while a served ensemble is not what was packed: nothing is scored", registry=REGISTRY)
FEED_SILENT = Gauge("wince_feed_silent_seconds", "Since the last word of the hospital's feed; 0 before its first", registry=REGISTRY)
FEED_UNTRUSTED = Gauge("wince_feed_untrusted", "1 while the feed is silent for too long: nothing is charted", registry=REGISTRY)
BEDS_DOUBTFUL = Gauge("wince_beds_doubtful", "Beds of which it is not sure who lies there, by cause", ("cause",), registry=REGISTRY)
CENSUS_DIFFERENCES = Gauge("wince_census_differences", "Beds in which the census from outside differs", ("kind",), registry=REGISTRY)
CENSUS_FAILED = Gauge("wince_census_failed", "1 while the census from outside can't be read, or isn't believed", registry=REGISTRY)
RPC_CALLS = Counter("wince_rpc_calls", "Calls that are over, by gRPC's status", ("method", "status"), registry=REGISTRY)
RPC_SECONDS = Histogram(
    "wince_rpc_seconds", "How long a call took; of a stream, how long it lasted", ("method",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900), registry=REGISTRY,
)  # fmt: skip
HL7_MESSAGES = Counter("wince_hl7_messages", "HL7 v2 messages by what came of them", ("outcome",), registry=REGISTRY)
HL7_NOTES = Counter("wince_hl7_notes", "What was odd about messages that were taken", ("note",), registry=REGISTRY)
HL7_TURNED_AWAY = Counter("wince_hl7_turned_away", "Connections of HL7 senders that were closed", ("reason",), registry=REGISTRY)
HL7_PARKED = Gauge("wince_hl7_parked", "Refused HL7 messages that wait for a person", registry=REGISTRY)
HL7_PARKED_AGE = Gauge("wince_hl7_parked_oldest_seconds", "Age of the oldest of them; 0 where none is parked", registry=REGISTRY)

_sums = {"alerts": 0, "seconds": 0.0}
ALERTS_PER_BED_DAY.set_function(lambda: _sums["alerts"] / _sums["seconds"] * DAY_S if _sums["seconds"] else 0.0)


def label(value: object) -> str:
    """A label's value: a name of ours, or "other".

    >>> label("ICU-7"), label("O'Hara^Mary"), label("")
    ('ICU-7', 'other', 'other')
    """
    text = str(value)
    return text if _NAME.fullmatch(text) else "other"


def of_source(source: str) -> str:
    """A source's label. Image objects and files have one together: there are ever more of them, and each label costs memory for ever.

    >>> of_source("ICU-7"), of_source("10.0.0.5"), of_source("2.25.329800735698586629295641978511506172918"), of_source("0f" * 32)
    ('ICU-7', '10.0.0.5', 'object', 'object')
    """
    return "object" if _OBJECT.fullmatch(source) else label(source)


CAMERAS = CameraCollector(label)
"""Of this process; capture says which cameras."""
REGISTRY.register(CAMERAS)


def committed(assessments: Iterable[Assessment], alerts: Iterable[Alert], questions: Iterable[Question], now_us: int) -> None:
    """These are in the record now. Never raises for what they say."""
    raised = list(alerts)
    alerted = {one.assessment for one in raised}
    for one in assessments:
        protocol, length_s = label(one.protocol), (one.end_us - one.start_us) / US
        if one.shadow:  # the bed is watched once, by the protocol that grades
            WINDOWS.labels(protocol, "shadow").inc()
            continue
        WINDOWS.labels(protocol, "graded" if one.grade is not None else label(one.reason or "unknown")).inc()
        ASSESSABLE_SHARE.labels(protocol).observe(one.assessable_share)
        BED_SECONDS.labels(protocol).inc(max(0.0, length_s))
        _sums["seconds"] += max(0.0, length_s)
        late_s = (now_us - one.end_us) / US
        if 0 <= late_s <= REPLAY_S:
            WINDOW_LATENCY.observe(late_s)
            if one.id in alerted:
                ALERT_LATENCY.observe(late_s)
    for alert in raised:
        ALERTS.labels(label(alert.protocol), label(alert.grade_name)).inc()
        _sums["alerts"] += 1
    for question in questions:
        QUESTIONS.labels(label(question.reason)).inc()


def consumed(group: str, newest_us: int, now_us: int) -> None:
    """A consumer handled a batch whose newest message is of that time."""
    LAG.labels(label(group)).set(max(0.0, (now_us - newest_us) / US))


def unreadable(topic: str) -> None:
    """A record of a topic was set aside."""
    DEAD_LETTERS.labels(label(topic)).inc()


def mixed(protocol: str) -> None:
    """An estimate was set aside, as other rules of its protocol read it than grade has."""
    MIXED.labels(label(protocol)).inc()


def ahead(source: str) -> None:
    """A message of a source was set aside, as its time lay too far ahead of now."""
    AHEAD.labels(of_source(source)).inc()


def dropped(source: str, frames: int) -> None:
    """Frames of a camera gave way to newer ones."""
    FRAMES_DROPPED.labels(of_source(source)).inc(frames)


def delivered(target: str, outcome: str, *, again: bool) -> None:
    """A target answered; `again`: it has to be tried again."""
    DELIVERIES.labels(label(target), label(outcome)).inc()
    if again:
        DELIVERY_RETRIES.labels(label(target)).inc()


def odd_answer(target: str) -> None:
    """A target answered what nothing can be made of."""
    TARGET_ODD.labels(label(target)).inc()


def held(target: str) -> None:
    """A target was held."""
    TARGET_HOLDS.labels(label(target)).inc()


def camera_list(*, wrong: bool) -> None:
    """The camera list was read."""
    CAMERA_LIST_WRONG.set(wrong)


def given_up(faces: int) -> None:
    """Count faces that were more than a served ensemble may be asked for."""
    FACES_GIVEN_UP.inc(faces)


def ask_fault(fault: Callable[[], object]) -> Callable[[], None]:
    """`fault` says why a served ensemble scores nothing, None where it does; calling what this gives ends that."""
    MODELS_FAULT.set_function(lambda: float(fault() is not None))
    return lambda: MODELS_FAULT.set_function(lambda: 0.0)


def called(method: str, status: str, seconds: float) -> None:
    """A gRPC call is over (`wince.rpc.guard.Observer`). Of "/package.Service/Method" Service.Method is told."""
    service, _, name = method.rpartition("/")
    told = label(f"{service.rpartition('.')[2]}.{name}")
    RPC_CALLS.labels(told, label(status)).inc()
    RPC_SECONDS.labels(told).observe(seconds)


def outbox(target: str, *, waiting: int, behind_hold: int, dead: int, oldest_s: float, is_held: bool) -> None:
    """A target's waiting deliveries, as the database was last asked."""
    name = label(target)
    OUTBOX_WAITING.labels(name).set(waiting)
    OUTBOX_HELD.labels(name).set(behind_hold)
    OUTBOX_DEAD.labels(name).set(dead)
    OUTBOX_AGE.labels(name).set(oldest_s)
    TARGET_HELD.labels(name).set(is_held)


def chores(target: str, *, by_hand: int, unfinished: int) -> None:
    """A target's rows that wait for a person, dead letters apart, as the database was last asked."""
    OUTBOX_BY_HAND.labels(label(target)).set(by_hand)
    OUTBOX_UNFINISHED.labels(label(target)).set(unfinished)


def credential(service: str, name: str, left_s: float) -> None:
    """A certificate or key that a service uses ends in so many seconds; `name`: its setting."""
    CREDENTIAL_LEFT.labels(label(service), label(name)).set(left_s)


def read_back(target: str, result: str) -> None:
    """An entry was read back: "same", "differs", "gone" or "unknown" (no answer)."""
    READ_BACK.labels(label(target), label(result)).inc()


def differing(target: str, entries: int) -> None:
    """How many entries of a target differ, as the database was last asked."""
    READ_BACK_DIFFERS.labels(label(target)).set(entries)


def backlog(*, questions: int, oldest_s: float) -> None:
    """What waits for a nurse, asked now and then."""
    QUESTIONS_OPEN.set(questions)
    QUESTION_AGE.set(max(0.0, oldest_s))


def switched_off(oldest_s: float) -> None:
    """For how long something is switched off, asked now and then."""
    SWITCHED_OFF_AGE.set(max(0.0, oldest_s))


def heard(outcome: str) -> None:
    """A message of the hospital was "taken", "refused" (AE or AR), "parked" (and counted as taken too), or "failed": could not be kept."""
    HL7_MESSAGES.labels(label(outcome)).inc()


def noted(notes: Iterable[str]) -> None:
    """What was odd about a message that was taken (`wince.hospital.notes`)."""
    for note in notes:
        HL7_NOTES.labels(label(note)).inc()


def turned_away(reason: str) -> None:
    """A connection of the hospital was closed: "refused" (one too many), "junk", "half", "too_long", "idle", "failed"."""
    HL7_TURNED_AWAY.labels(label(reason)).inc()


def parked(count: int, oldest_s: float) -> None:
    """Refused messages that wait for a person, as the database was last asked."""
    HL7_PARKED.set(count)
    HL7_PARKED_AGE.set(max(0.0, oldest_s))


def census(*, silent_s: float, untrusted: bool, doubtful: Mapping[str, int], differences: Mapping[str, int], failed: bool) -> None:
    """Whether it may be believed who lies where, asked now and then. `doubtful` by cause, `differences` by kind."""
    FEED_SILENT.set(max(0.0, silent_s))
    FEED_UNTRUSTED.set(untrusted)
    for cause, count in doubtful.items():
        BEDS_DOUBTFUL.labels(label(cause)).set(count)
    CENSUS_DIFFERENCES.clear()
    for kind, count in differences.items():
        CENSUS_DIFFERENCES.labels(label(kind)).set(count)
    CENSUS_FAILED.set(failed)


class MetricsPage:
    """Answers Prometheus at /metrics, from its making to `stop`."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        """`port` 0: any free one. Raises ResourceError where the port can't be had."""
        try:
            self._server, self._thread = start_http_server(port, addr=host, registry=REGISTRY)
        except OSError as error:
            why = error.strerror or "can't listen"
            remedy = "is the port taken, or is WINCE_METRICS_HOST no address of this machine? name another"
            raise ResourceError(why, field=f"WINCE_METRICS_PORT={port}", remedy=remedy) from None
        self._stopped = False
        self.port: int = self._server.server_port
        """The port that is listened on."""

    def stop(self) -> None:
        """No more answers. Idempotent."""
        if not self._stopped:
            self._stopped = True
            if self._thread.is_alive():
                self._server.shutdown()
            self._server.server_close()
            self._thread.join(5)

    def failed(self) -> BaseException | None:
        """An error where the thread that answers is gone."""
        return None if self._stopped or self._thread.is_alive() else WinceError("the metrics page ended although nobody asked it to")


def reviewed(event: str, count: int) -> None:
    """A review changed so many entries or windows. `event`: restored, withdrawn, charted_late, corrected, bound, unbound, caught_up."""
    REVIEWED.labels(event).inc(count)


def review_failed() -> None:
    """A review was put off."""
    REVIEWS_FAILED.inc()


def record_waits(*, reviews: int, aside_sources: int, aside_messages: int) -> None:
    """What record has still to do, or can't do."""
    REVIEWS_WAITING.set(reviews)
    ASIDE_SOURCES.set(aside_sources)
    ASIDE_MESSAGES.set(aside_messages)
