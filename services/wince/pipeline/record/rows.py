"""The SQL of record's sink. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wince.codec.registry import decode
from wince.delivery.interface import Taken, Target, rendered
from wince.domain import census
from wince.domain.assessment import Alert, Assessment, Question, Verdict
from wince.domain.entry import Entry, TaskEntry
from wince.domain.stay import Identifier
from wince.errors import MessageError
from wince.pipeline.record.stage import Bound, Effects, Key, Known, Message, SourceState
from wince.store import aliases
from wince.store.database import Tx
from wince.store.plain import dump, load
from wince.telemetry import traces
from wince.telemetry.logs import get

_log = get("wince.record.rows")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An entry on its way to one target: a row of the outbox. Or an entry that goes nowhere."""

    entry: Entry | TaskEntry
    target: str
    """Empty: it stays in Wince's own tables."""
    body: str
    state: str
    """ready; dead where it can't be rendered; kept where the target takes nothing of it; empty: not to be delivered."""
    error: str = ""
    withdraws: bool = False
    """It takes an entry back at a target that can't take back what it holds: what was not sent yet is not sent any more."""


def take(tx: Tx, consumer: str, hashes: Mapping[UUID, bytes]) -> tuple[set[UUID], dict[UUID, bytes]]:
    """(ids that are new and now taken, known ids that came with another content and that content's hash)."""
    if not hashes:
        return set(), {}
    ids = sorted(hashes)  # in the same order for every caller
    contents = [hashes[identity] for identity in ids]
    new = tx.execute(
        "INSERT INTO inbox(consumer, id, content_hash) SELECT %s, * FROM unnest(%s::uuid[], %s::bytea[])"
        " ON CONFLICT DO NOTHING RETURNING id",
        (consumer, ids, contents),
    ).fetchall()
    taken = {identity for (identity,) in new}
    rest = [identity for identity in ids if identity not in taken]
    if not rest:
        return taken, {}
    stand = tx.execute("SELECT id, content_hash FROM inbox WHERE consumer = %s AND id = ANY(%s)", (consumer, rest)).fetchall()
    return taken, {identity: hashes[identity] for identity, content in stand if bytes(content) != hashes[identity]}


def source_of(tx: Tx, windows: Iterable[UUID]) -> dict[UUID, str]:
    """The camera of each of these windows, as far as they are known."""
    wanted = list(windows)
    found = tx.execute("SELECT id, source FROM assessment WHERE id = ANY(%s)", (wanted,)).fetchall() if wanted else []
    return dict(found)


def states(tx: Tx, sources: Iterable[str]) -> dict[Key, SourceState]:
    """Chart states of these sources, of every protocol that ever charted there."""
    found = tx.execute("SELECT source, protocol, body FROM chart_state WHERE source = ANY(%s)", (sorted(sources),)).fetchall()
    return {(source, protocol): load(SourceState, body) for source, protocol, body in found}


def known(tx: Tx, messages: Sequence[Message]) -> Known:
    """What these messages point at and is not among them; its tasks: see `answered` and `open_tasks`."""
    pointed = {item.assessment for item in messages if not isinstance(item, Assessment)}
    if not pointed:
        return Known()
    found = tx.execute("SELECT id, body FROM assessment WHERE id = ANY(%s)", (list(pointed),)).fetchall()
    made = tx.execute(
        "SELECT assessment, body FROM (SELECT DISTINCT ON (id) id, assessment, start_us, body FROM entry WHERE assessment = ANY(%s)"
        " ORDER BY id, revision DESC) latest ORDER BY start_us, id",
        (list(pointed),),
    ).fetchall()
    entries: dict[UUID, list[Entry]] = {}
    for assessment, body in made:
        entries.setdefault(assessment, []).append(load(Entry, body))
    return Known({identity: assessment_of(body) for identity, body in found}, entries)


def answered(tx: Tx, messages: Sequence[Message]) -> list[TaskEntry]:
    """Open questions that verdicts among these messages answer: of the assessment that they name, where they name one."""
    pairs = [(item.question, item.assessment) for item in messages if isinstance(item, Verdict) and item.question]
    if not pairs:
        return []
    found = tx.execute(
        "SELECT q.body FROM question q JOIN unnest(%s::uuid[], %s::uuid[]) v(question, assessment) ON v.question = q.id"
        " WHERE q.state = 'open' AND coalesce(q.assessment, v.assessment) = v.assessment",
        ([question for question, _ in pairs], [assessment for _, assessment in pairs]),
    ).fetchall()
    return [load(TaskEntry, body) for (body,) in found]


def who_lies(tx: Tx, messages: Sequence[Message]) -> list[TaskEntry]:
    """Open questions of nobody in particular about the cameras of these assessments."""
    sources = sorted({item.source for item in messages if isinstance(item, Assessment)})
    found = tx.execute("SELECT body FROM question WHERE state = 'open' AND source = ANY(%s) AND stay IS NULL", (sources,)).fetchall()
    return [load(TaskEntry, body) for (body,) in found]


def open_tasks(tx: Tx, encounters: Iterable[Identifier]) -> list[TaskEntry]:
    """Questions of these encounters that wait for a nurse, also those that were asked under a number that was merged since."""
    pairs = sorted({(number.system, number.value) for one in set(encounters) for number in aliases.numbers(tx, census.Kind.VISIT, one)})
    if not pairs:
        return []
    found = tx.execute(
        "SELECT body FROM question WHERE state = 'open' AND stay IN (SELECT id FROM stay WHERE (encounter_system, encounter) IN"
        " (SELECT * FROM unnest(%s::text[], %s::text[]))) ORDER BY start_us, id",
        ([system for system, _ in pairs], [value for _, value in pairs]),
    ).fetchall()
    return [load(TaskEntry, body) for (body,) in found]


def outgoing(item: Entry | TaskEntry, targets: Sequence[Target]) -> list[Outgoing]:
    """What is to be delivered of an entry: a row for each target, one that goes nowhere where there is none."""
    if not targets or item.encounter is None:
        return [Outgoing(item, "", "", "")]
    return [_outgoing(item, target) for target in targets]


def _outgoing(item: Entry | TaskEntry, target: Target) -> Outgoing:
    """What can't be rendered is a dead letter of this target at once: it must not stop other entries, nor other targets."""
    try:
        body = rendered(target, item)
        if isinstance(body, Taken):
            return Outgoing(item, target.name, "", "kept")
        withdraws = item.status == "entered-in-error" and not getattr(target, "takes_back", True)
        return Outgoing(item, target.name, body, "ready", withdraws=withdraws)
    except MessageError as error:
        return Outgoing(item, target.name, "", "dead", f"can't be rendered: {error.field} {error.message}".strip())
    except Exception as error:
        _log.error("the target failed to render", target=target.name, entry=item.id, revision=item.revision, error=error)
        return Outgoing(item, target.name, "", "dead", f"can't be rendered: internal: {type(error).__name__}")


def save_messages(tx: Tx, bound: Sequence[Bound], bodies: Mapping[UUID, bytes], heard: Collection[UUID]) -> None:
    """Assessments, alerts and verdicts as they came. `bodies`: as encoded, by id. `heard`: alerts that went through charting. Questions:
    `save_questions`."""
    windows: list[tuple[Any, ...]] = []
    alerts: list[tuple[Any, ...]] = []
    verdicts: list[tuple[Any, ...]] = []
    for item in bound:
        message, body = item.message, bodies[item.message.id]
        if isinstance(message, Assessment):
            reason = message.reason.value if message.reason else None
            unbound = item.unbound.value if item.unbound else None
            windows.append(
                (
                    message.id,
                    message.source,
                    message.protocol,
                    message.start_us,
                    message.end_us,
                    message.grade,
                    reason,
                    item.stay,
                    unbound,
                    message.shadow,
                    message.shadow or item.stay is not None,
                    body,
                )
            )
        elif isinstance(message, Alert):
            alerts.append((message.id, message.assessment, message.source, message.start_us, item.stay, message.id in heard, body))
        elif isinstance(message, Verdict):
            verdicts.append((message.id, message.question, message.assessment, message.at_us, body))
    _copy(tx, "assessment (id, source, protocol, start_us, end_us, grade, reason, stay, unbound, shadow, charted, body)", windows)
    _copy(tx, "alert (id, assessment, source, start_us, stay, charted, body)", alerts)
    _copy(tx, "verdict (id, question, assessment, at_us, body)", verdicts)


def save_entries(
    tx: Tx,
    entries: Sequence[Entry],
    causes: Mapping[tuple[UUID, int], str] | None = None,
    texts: Mapping[tuple[UUID, int], str] | None = None,
) -> None:
    """New revisions of entries. `causes`: why (id, revision) withdraws it. `texts`: each as JSON, where the caller has it."""
    why, written = causes or {}, texts or {}
    _copy(
        tx,
        "entry (id, revision, kind, origin, assessment, stay, source, start_us, end_us, status, part_of, cause, body)",
        [
            (
                item.id,
                item.revision,
                item.kind.value,
                item.origin,
                item.assessment,
                item.stay,
                item.source,
                item.start_us,
                item.end_us,
                item.status,
                item.part_of,
                why.get((item.id, item.revision), ""),
                written.get((item.id, item.revision)) or dump(item),
            )
            for item in entries
        ],
    )


def save_questions(tx: Tx, effects: Effects, texts: Mapping[tuple[UUID, int], str]) -> None:
    """New questions, new revisions, what was answered and superseded. `texts`: each as JSON."""
    if not effects.tasks:
        return
    windows = {item.message.id: item.message.assessment for item in effects.bound if isinstance(item.message, Question)}
    state = dict.fromkeys(effects.answered, "answered") | dict.fromkeys(effects.superseded, "superseded")
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO question(id, assessment, source, protocol, start_us, end_us, reason, stay, state, body)"
            " VALUES (%s, coalesce(%s, (SELECT assessment FROM question WHERE id = %s)), %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (id) DO UPDATE SET state = excluded.state, body = excluded.body",
            [
                (
                    item.id,
                    windows.get(item.id),
                    effects.moved.get(item.id),
                    item.source,
                    item.protocol,
                    item.start_us,
                    item.end_us,
                    item.reason.value,
                    item.stay,
                    state.get(item.id, "open"),
                    texts[item.id, item.revision],
                )
                for item in effects.tasks
            ],
        )


def save_outbox(tx: Tx, waiting: Sequence[Outgoing], windows: Mapping[UUID, UUID]) -> None:
    """What is to be delivered, in the order in which it was made. `windows`: the assessments that questions are about.

    A revision goes out behind those before it, though it may begin earlier than they did (a part of a summary, an alert that gathers)."""
    out = []
    begins = _begins(tx, [item.entry.id for item in waiting if item.entry.revision > 1])
    for item in waiting:
        if item.withdraws:  # a race with its delivery is harmless: what stands there is then found, and a person is asked
            tx.execute(
                "DELETE FROM outbox WHERE entry = %s AND target = %s AND state = 'ready' AND attempts = 0", (item.entry.id, item.target)
            )
        if item.state in ("ready", "dead") and item.entry.encounter:
            key = f"{item.entry.encounter.system}|{item.entry.encounter.value}"
            about = item.entry.assessment if isinstance(item.entry, Entry) else windows.get(item.entry.id)
            trace = traces.parent(about).decode() if about else ""
            withdraws = item.entry.status in ("entered-in-error", "cancelled")
            row = item.entry.id, item.target
            begins[row] = max(item.entry.start_us, begins.get(row, item.entry.start_us))
            state = (item.state, item.error, trace, item.entry.bed, withdraws)
            out.append((item.entry.id, item.entry.revision, item.target, key, begins[row], item.body, *state))
    _copy(tx, "outbox (entry, revision, target, encounter, effective, body, state, last_error, trace, bed, withdraws)", out)


def _begins(tx: Tx, entries: Sequence[UUID]) -> dict[tuple[UUID, str], int]:
    """Behind what an entry's next revision goes at each target."""
    if not entries:
        return {}
    found = tx.execute(
        "SELECT entry, target, max(effective) FROM outbox WHERE entry = ANY(%s) GROUP BY entry, target", (list(entries),)
    ).fetchall()
    return {(entry, target): effective for entry, target, effective in found}


def save_states(tx: Tx, changed: Mapping[Key, SourceState]) -> None:
    """Chart states."""
    if changed:
        with tx.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO chart_state(source, protocol, body) VALUES (%s, %s, %s)"
                " ON CONFLICT (source, protocol) DO UPDATE SET body = excluded.body",
                [(source, protocol, dump(state)) for (source, protocol), state in sorted(changed.items())],
            )


def _copy(tx: Tx, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        with tx.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)


def assessment_of(body: bytes) -> Assessment:
    """A stored assessment. Raises MessageError where it is none."""
    found = decode("wince.api.grade.v1.Assessment", bytes(body))
    if not isinstance(found, Assessment):
        raise MessageError("a stored assessment is none", field="assessment.body")
    return found
