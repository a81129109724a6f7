"""Whether it may be believed who lies where: the hospital's feed, the census from outside, and beds that wait for a person."""

from __future__ import annotations

from wince.domain.trust import Cause, Feed, InDoubt
from wince.serve.status.interface import Figures, Look, Row, State
from wince.store import comparisons, trust

_WHY = {
    Cause.FEED: "the hospital's feed is silent",
    Cause.STAY: "no word of the visit for very long: a discharge may have been lost",
    Cause.CENSUS: "a census from outside contradicts",
}


def census(look: Look) -> list[Row]:
    """A row for the feed, one for the newest comparison, and one for each bed that a person must look at."""
    with look.transaction() as tx:
        feed, last, doubted = trust.feed(tx), comparisons.latest(tx), trust.in_doubt(tx, look.now_us)
    rows = [_feed(look, feed, sum(one.cause is Cause.FEED for one in doubted))]
    if last is not None:
        rows.append(_list(look, last))
    return rows + [_bed(look, one) for one in doubted if one.cause is not Cause.FEED]


def _feed(look: Look, feed: Feed | None, beds: int) -> Row:
    if feed is None:
        return Row("census", "feed", State.OK, "no ADT message was heard yet, those of replayed clips aside")
    # The hospital service may be away: what it would find is said all the same.
    due_us = feed.heard_us + feed.silent_after_us
    silent = bool(feed.silent_after_us) and look.now_us > due_us
    figures: Figures = {"silent_after_s": feed.silent_after_us / 1e6 or None, "doubtful_beds": beds}
    age_s = look.age_s(feed.heard_us)
    if not silent:
        return Row("census", "feed", State.OK, "the hospital's last word", age_s, figures=figures)
    remedy = "see that the hospital's sender runs and reaches the listener; a person who looked may confirm: `wince census confirm --all`"
    lies = f": who lies in {beds} beds is doubtful, nothing is charted there" if beds else ", and nobody is believed in a bed"
    said = f"silent for too long{lies}"
    return Row("census", "feed", State.BAD, said, age_s, "no ADT message came", remedy, figures)


def _list(look: Look, last: comparisons.Comparison) -> Row:
    age_s = look.age_s(last.at_us)
    figures: Figures = {
        "agreed": last.agreed,
        "differing": last.differing,
        "contradicting": last.contradicting,
        "newer": last.newer,
        "bad_rows": last.bad,
    }
    name = f"census ({last.origin})"
    if last.failure:
        remedy = "put the source right (census_source in the settings); `wince census diff` tries it"
        return Row("census", name, State.WARNING, "could not be compared", age_s, last.failure, remedy, figures)
    said = f"{last.agreed} agree, {last.differing} beds differ"
    if last.differing or last.bad:
        reason = f"{last.differing} beds differ, {last.contradicting} of them contradict; {last.bad} rows can't be used"
        remedy = "`wince census diff` shows where; `wince census load` takes in who is missing here"
        return Row("census", name, State.WARNING, said, age_s, reason, remedy, figures)
    return Row("census", name, State.OK, said, age_s, figures=figures)


def _bed(look: Look, one: InDoubt) -> Row:
    remedy = f"look, and correct it in the hospital's system, or `wince census confirm --bed '{one.bed}'`; `wince census show` says more"
    figures: Figures = {"cause": one.cause.value, "kind": one.kind or None}
    said = "who lies there is doubtful: nothing is charted"
    return Row("census", one.bed, State.BAD, said, look.age_s(one.from_us), _WHY[one.cause], remedy, figures)
