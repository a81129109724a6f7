"""Structured logs that can hold no name.

What a line may carry is a list, not a filter: a key that is not named here is dropped and counted. References to a patient, a bed
or a message become keyed hashes, so that lines can be put side by side without saying who it is. Of a foreign exception only
the type and the place are kept, never its text: a database's error quotes the row, a parser's error the field. Foreign libraries
(httpx logs URLs with identifiers) are reduced to logger name and level.

    >>> log = get("wince.example")
    >>> log.warning("camera silent", source="bed-1", reason="no_frame", seconds=3.0)
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import sys
import threading
import time
import traceback
from collections import Counter
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Any, TextIO, cast
from uuid import UUID

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from wince.errors import WinceError
from wince.telemetry.fields import shown

_WORDS = (
    "alert assessment assessments attempt attempts bytes camera cameras charted closed closed_until_us code component "
    "connections consumer corrupt count depth detail detail_code device dropped end_us entries entry exit_code field frame frames "
    "grade group height host kind lag_ms level limit limit_bytes limit_s mode model model_set ms notes observations offset "
    "outcome partition peers pid port processed protocol question rate reason remedy retry_after_s returncode revision rows rule "
    "schema seconds segment seq sequence signal source sources stage start_us state status tables target task tasks thread time_us "
    "timestamp tls topic trigger version wait_s width window windows workers "
)
PLAIN = frozenset(_WORDS.split())
"""Keys whose value is written as it is: numbers, ids that Wince made, names of our own. Never free text of another party."""
REFERENCES = frozenset({"patient", "encounter", "bed", "stay", "message", "nurse", "ward", "sender", "file"})
"""Keys whose value is written as a keyed hash."""
FOREIGN_S = 60.0
"""How long what a library logged is not said again."""
LONGEST = 200
"""Characters of a value; the rest is cut."""

_dropped: Counter[str] = Counter()
_key = secrets.token_bytes(32)


def get(name: str) -> FilteringBoundLogger:
    """A logger. Give the event as a literal sentence and everything that varies as keywords of PLAIN or REFERENCES;
    `error=exception` for what went wrong."""
    return cast(FilteringBoundLogger, structlog.get_logger(component=name))


def configure(level: str = "warning", json: bool = False, *, key: bytes | None = None, stream: TextIO | None = None) -> None:
    """Set level (debug, info, warning, error), rendering and the key of the hashes; may be called again.

    Also takes over the loggers of foreign libraries and what is printed when a thread or the process dies of an exception.

    `key`: 16 bytes or more, kept by the installation so that hashes of two runs agree; None keeps this process' random one.
    `stream`: None writes to standard error.
    """
    global _key  # noqa: PLW0603 - one process, one key
    if key is not None:
        _key = key
    number = logging.getLevelNamesMapping()[level.upper()]
    _chain(number, json, stream)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Foreign)]:
        root.removeHandler(handler)
    root.addHandler(_Foreign(level=max(number, logging.WARNING)))
    threading.excepthook = _thread_ended
    sys.excepthook = _process_ended


def _chain(number: int, json: bool, stream: TextIO | None) -> None:
    renderer = structlog.processors.JSONRenderer(default=str) if json else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            allow,
            cast(Any, renderer),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _lines(stream),
        cache_logger_on_first_use=False,
    )


def dropped() -> dict[str, int]:
    """How often a key that is not on the list was dropped, by key, since the process began."""
    return dict(_dropped)


def pseudonym(value: object) -> str:
    """Keyed hash of a reference: 12 hex digits, the same for the same value and key."""
    return hashlib.blake2b(str(value).encode(), key=_key[:64], digest_size=6).hexdigest()


def allow(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The processor: keep what is on the list, hash references, reduce exceptions, count the rest."""
    out: EventDict = {"event": _value(event.pop("event", ""))}
    error = event.pop("error", None)
    if error is None:
        error = _raised(event.pop("exc_info", None))
    lost = 0
    for key, value in event.items():
        if key in REFERENCES:
            out[key] = pseudonym(value)
        elif key == "field":
            out[key] = shown(str(_value(value)), pseudonym)
        elif key in PLAIN:
            out[key] = _value(value)
        else:
            _dropped[key] += 1
            lost += 1
    if isinstance(error, BaseException):
        out.update(reduced(error))
    elif error is not None:
        _dropped["error"] += 1
        lost += 1
    if lost:
        out["dropped_keys"] = lost
    return out


def reduced(error: BaseException) -> dict[str, str]:
    """What a log line says of an exception: its type and place; of our own also code, message (which holds no PHI) and field (a name of
    ours as it is, anything else as a keyed hash: `fields.py`)."""
    out = {"error": type(error).__name__}
    if isinstance(error, WinceError):
        field = pseudonym(error.field) if error.is_path else shown(error.field, pseudonym)
        out |= {"error_code": error.code, "error_field": str(_value(field)), "error_message": str(_value(error.message))}
        out = {key: text for key, text in out.items() if text}
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        out["at"] = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}"
    return out


def _value(value: object) -> object:
    """Numbers as they are, text cut and without line ends, collections element by element, anything else as its type's name."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return _value(value.value)
    if isinstance(value, str | UUID):
        text = str(value)
        return "".join(c if c.isprintable() else "?" for c in text[:LONGEST]) + ("..." if len(text) > LONGEST else "")
    if isinstance(value, dict):
        return {str(_value(key)): _value(item) for key, item in list(value.items())[:32]}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(item) for item in list(value)[:32]]
    return type(value).__name__


def _raised(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return cast("BaseException | None", exc_info[1])
    return sys.exc_info()[1] if exc_info else None


class _Lines(structlog.WriteLogger):
    """Writes lines. One that can't be written ends nobody's work: the disk of the logs is full, or who read them is gone."""

    def msg(self, message: str) -> None:
        """See structlog.WriteLogger."""
        with suppress(OSError, ValueError):  # ValueError: the stream is closed
            super().msg(message)

    debug = info = warning = error = critical = msg


def _lines(stream: TextIO | None) -> _Lines:
    """`stream` None: standard error, looked up at every call, since tests and terminals replace it."""
    return _Lines(sys.stderr if stream is None else stream)


class _Foreign(logging.Handler):
    """Other libraries' logging: which logger and how bad; their text may quote data. The same once a minute: a client that connects
    again and again says nothing new by it."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._said_s: dict[tuple[str, int, type | None], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Log name and level only."""
        what = (record.name, record.levelno, record.exc_info[0] if record.exc_info else None)
        now_s = time.monotonic()
        if now_s - self._said_s.get(what, -FOREIGN_S) < FOREIGN_S:
            return
        self._said_s[what] = now_s
        method = "error" if record.levelno >= logging.ERROR else "warning"
        error = record.exc_info[1] if record.exc_info else None
        getattr(get(record.name.split(".")[0]), method)("a library logged", component=record.name, error=error)


def _thread_ended(arguments: threading.ExceptHookArgs) -> None:
    name = arguments.thread.name if arguments.thread else ""
    get(__name__).error("a thread ended", thread=name, error=arguments.exc_value)


def _process_ended(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        return
    get(__name__).error("the process ended", error=error)


_chain(logging.WARNING, json=False, stream=None)  # who logs without configure() is safe too
