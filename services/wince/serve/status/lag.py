"""Kafka: whether it answers, how far each stage's consumers are behind, and what none of them could read."""

from __future__ import annotations

from wince.bus.access import GROUPS
from wince.serve import broker
from wince.serve.status.interface import Figures, Look, Row, State

CONNECT_S = 2.0
FAR = 20_000
"""Records; a minute of forty beds."""


def lag(look: Look) -> list[Row]:
    """One row for each group, one for each dead-letter topic that holds something. None where there is no Kafka: `wince run` needs none."""
    bootstrap = (look.up.kafka if look.up is not None else "") or look.settings.kafka_bootstrap
    if not bootstrap:
        return []
    from wince.bus.lag import backlog  # the client takes half a second to import

    started_here = look.up is not None and not look.settings.kafka_bootstrap
    settings = broker.beside(look.settings, look.places, bootstrap) if started_here else look.settings
    found = backlog(broker.options(settings, connect_s=CONNECT_S), GROUPS)
    rows = [_row(group.group, group.members, sum(group.behind.values()), dict(group.behind)) for group in found.groups]
    for topic, count in sorted(found.letters.items()):
        reason = f"{count} records could not be read"
        remedy = "its log names the field; mostly a service of another version wrote them"
        rows.append(Row("lag", topic, State.WARNING, f"holds {count}", reason=reason, remedy=remedy, figures={"records": count}))
    return rows


def _row(group: str, members: int, behind: int, topics: dict[str, int]) -> Row:
    said = f"{behind} record{'' if behind == 1 else 's'} behind, {members} reader{'' if members == 1 else 's'}"
    figures: Figures = {"behind": behind, "members": members, **topics}
    if not members:
        remedy = f"start {group}: `wince up`, or `wince serve {group}`"
        return Row("lag", group, State.BAD, said, reason="nobody reads", remedy=remedy, figures=figures)
    if behind > FAR:
        reason = f"more than {FAR} records behind"
        return Row("lag", group, State.WARNING, said, reason=reason, remedy=f"start more replicas of {group}", figures=figures)
    return Row("lag", group, State.OK, said, figures=figures)
