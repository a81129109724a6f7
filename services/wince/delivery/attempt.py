"""One request to a target. What it answers is checked: a target that breaks its promise is logged, and its outcome is unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from wince.delivery.interface import Answer, Outcome, Target, fault
from wince.delivery.outbox import Lease
from wince.errors import Unavailable
from wince.telemetry import metrics, traces
from wince.telemetry.logs import get

PASSING_S = 900.0
"""How long a refusal that may pass is tried again; then it is a dead letter."""
ODD_S = 3600.0
"""How long an answer of which nothing can be made is asked for again, where the target took other entries since: then it is a dead letter,
so that one entry that a target can't digest does not keep back what follows it in the patient's record."""
ODD_LAST_S = 3 * 86_400.0
"""The same, where it took nothing else since: an EHR may be broken as a whole for a weekend."""
FORGED = "not what was charted: somebody changed the database; run `wince audit verify`"
"""What the outbox says of a body that the audit chain does not prove."""
_log = get("wince.delivery")


def ask(target: Target, row: Lease) -> Answer:
    """Deliver a row, in a span of its assessment's trace. Never raises for what the target does."""
    if not row.proven:
        _log.error("a body is not what was charted; it is kept back", target=target.name, entry=row.entry, revision=row.revision)
        return Answer(Outcome.DEAD, FORGED)
    assessment = traces.of(row.trace.encode())
    if assessment is None:
        return _deliver(target, row)
    with traces.within("record.deliver", assessment, carried=row.trace.encode()):
        answer = _deliver(target, row)
        traces.say(entry=str(row.entry), revision=row.revision, attempt=row.attempt, target=target.name, outcome=answer.outcome.value)
        if answer.outcome is not Outcome.WRITTEN:
            traces.fail(answer.outcome.value)
        return answer


def probe(target: Target) -> Answer:
    """Ask a target that is held whether it takes us again. Never raises for what the target does."""
    return _checked(target, target.probe)


def _deliver(target: Target, row: Lease) -> Answer:
    answer = _checked(target, lambda: target.deliver(row.body, row.location, row.version, first=row.attempt == 1))
    if answer.outcome is Outcome.DEAD and answer.may_pass and row.doubted_s < PASSING_S:
        return replace(answer, outcome=Outcome.RETRY)
    if answer.outcome is Outcome.RETRY and answer.may_pass:
        metrics.odd_answer(target.name)
        if row.doubted_s >= (ODD_S if row.took_others else ODD_LAST_S):
            return replace(answer, outcome=Outcome.DEAD)
    return answer


def _checked(target: Target, request: Callable[[], object]) -> Answer:
    try:
        answer = request()
    except Unavailable as error:
        return Answer(Outcome.RETRY, error.code, retry_after_s=error.retry_after_s)
    except Exception as error:
        _log.error("the target failed", target=target.name, error=error)
        return Answer(Outcome.RETRY, f"internal: {type(error).__name__}", may_pass=True)
    if wrong := fault(answer):
        _log.error("the target's answer can't be used", target=target.name, detail=wrong)
        return Answer(Outcome.RETRY, f"internal: {wrong}", may_pass=True)
    assert isinstance(answer, Answer)
    return answer
