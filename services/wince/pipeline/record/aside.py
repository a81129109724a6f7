"""What can't be written is set aside for its camera alone: no message of one bed stops another bed.

Its messages are kept in their order, what comes later queues behind them (`PostgresSink.commit` asks), and they are tried again with
backoff: as many at once as go, then one by one up to the one that doesn't.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from wince.backoff import Backoff
from wince.codec.registry import decode, encode
from wince.domain.assessment import Alert, Assessment, Question, Verdict
from wince.domain.ids import ROOT, make
from wince.errors import Refused
from wince.pipeline.record import locks, rows
from wince.pipeline.record.effects import Message
from wince.pipeline.record.poison import is_poison, words
from wince.rpc.errors import NotFound
from wince.store import asides
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx
from wince.store.plain import dump
from wince.telemetry import logs

log = logs.get("wince.record.aside")

AGAIN = Backoff(5.0, 900.0, jitter=0.3)
TRIED_ALONE = 2
"""Failures after which the first message is known to be the one that can't be written."""
MOST = 200
"""Messages that are tried at once."""
_WINDOW = "wince.api.grade.v1.Assessment"


def sources_of(tx: Tx, messages: Sequence[Message]) -> dict[UUID, str]:
    """The camera of each message, by its id. A verdict's is that of its window, also where that is set aside; "": it is not known."""
    found = {message.id: message.source for message in messages if not isinstance(message, Verdict)}
    verdicts = [message for message in messages if isinstance(message, Verdict)]
    if not verdicts:
        return found
    windows: Mapping[UUID, str] = rows.source_of(tx, {one.assessment for one in verdicts})
    if any(one.assessment not in windows for one in verdicts) and asides.any_there(tx):
        kept = [(source, decode(_WINDOW, body)) for source, body in asides.all_of(tx, _WINDOW)]
        windows = {one.id: source for source, one in kept if isinstance(one, Assessment)} | dict(windows)
    return found | {one.id: windows.get(one.assessment, "") for one in verdicts}


def queue(tx: Tx, messages: Sequence[Message], sources: Mapping[UUID, str]) -> list[Message]:
    """Sets aside those of which something before them is; the others."""
    behind = asides.blocked(tx, set(sources.values()))
    for source in sorted(behind):
        asides.put(tx, source, [encode(one) for one in messages if sources[one.id] == source], "", 0.0)
    return [one for one in messages if sources[one.id] not in behind]


def set_aside(tx: Tx, source: str, messages: Sequence[Message], error: Exception, now_us: int) -> None:
    """Keeps what can't be written, and says so."""
    locks.batch(tx, [source])
    number = asides.put(tx, source, [encode(one) for one in messages], words(error), AGAIN.wait_s(1))
    log.error("a camera's messages can't be written; they are set aside", source=source, error=error)
    said = dump({"source": source, "messages": len(messages), "error": words(error)})
    append(tx, [Fact(make(ROOT, "aside", source, number), 1, "set_aside", 1, said)], now_us)


def drop(tx: Tx, source: str, reason: str, by: str, now_us: int) -> str:
    """Gives up the first message that is set aside for a camera, for ever; what kind it was. The trail keeps its hash, not its content.
    What is behind it is tried next. Should the bus give the message again, it is set aside again.

    `reason`: no PHI. Raises NotFound (nothing is set aside), Refused (it was not yet tried by itself: another may be the wrong one).
    """
    locks.batch(tx, [source])
    found = asides.first(tx, source, 1)
    if not found:
        raise NotFound("nothing of this camera is set aside", field="camera", remedy="`wince outbox aside` shows what is")
    if asides.failures(tx, source) < TRIED_ALONE:
        remedy = "wince outbox aside --retry CAMERA, and again once a running Wince has tried it"
        raise Refused("its messages were not yet tried one by one", field="camera", remedy=remedy)
    ((number, schema, body),) = found
    kind = schema.rpartition(".")[2]
    said = {"source": source, "message": kind, "content": hashlib.sha256(body).hexdigest(), "reason": reason, "by": by}
    asides.taken(tx, source, [number])
    asides.begin_again(tx, source)
    append(tx, [Fact(make(ROOT, "aside dropped", source, number), 1, "aside.dropped", 1, dump(said))], now_us)
    log.warning("a message that could not be written was given up", source=source)
    return kind


def try_again(database: Database, write: Callable[[Tx, Sequence[Message]], None]) -> int:
    """Try what is due; how many messages were written. `write`: writes them in a transaction.

    Raises Unavailable, ResourceError, StoreError: then it is still set aside.
    """
    with database.transaction() as tx:
        due = asides.due(tx)
    return sum(_source(database, source, write) for source in due)


def _source(database: Database, source: str, write: Callable[[Tx, Sequence[Message]], None]) -> int:
    count, most = 0, MOST
    while True:
        try:
            with database.transaction() as tx:
                if not locks.review(tx, source):
                    return count
                found = asides.first(tx, source, most)
                write(tx, [_message(schema, body) for _, schema, body in found])
                asides.taken(tx, source, [number for number, _, _ in found])
        except Exception as error:
            if not is_poison(error):
                raise
            if most > 1:
                most = 1
                continue
            with database.transaction() as tx:
                asides.failed(tx, source, words(error), AGAIN.wait_s(asides.failures(tx, source) + 1))
            log.error("a camera's messages still can't be written", source=source, error=error)
            return count
        count += len(found)
        if len(found) < most:
            log.info("messages that were set aside are written", source=source, rows=count)
            return count


def _message(schema: str, body: bytes) -> Message:
    found = decode(schema, body)
    if not isinstance(found, Assessment | Alert | Question | Verdict):
        raise TypeError(f"{schema} is no message of record")
    return found
