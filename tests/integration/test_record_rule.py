"""The one rule, for random prefixes: after movements and camera changes in any order, between windows, every alert stands once for whom the
census says, and for nobody else. The census is computed here once more, by minutes, without binding's code."""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.record_world import T0
from tests.integration.review_world import MIN, latest, lies, say, seen, sink
from wince.domain.stay import Watch
from wince.store import doubts
from wince.store.database import Database
from wince.store.stays import save_watches

LAST = 12
VISITS, BEDS = ("V1", "V2", "V3"), ("A", "B")
_numbers = iter(range(1, 1 << 40))

_span = st.tuples(st.integers(0, LAST), st.integers(1, LAST + 1)).map(lambda pair: (min(pair), max(pair[0] + 1, pair[1])))
_stay = st.tuples(st.sampled_from(BEDS), _span, st.booleans())
_step = st.one_of(
    st.tuples(st.just("windows"), st.integers(1, 4)),
    st.tuples(st.just("visit"), st.sampled_from(VISITS), st.lists(_stay, max_size=2), st.sampled_from(("P", "Q"))),
    st.tuples(st.just("camera"), st.sampled_from(BEDS), st.integers(0, LAST)),
    st.tuples(st.just("doubt"), st.sampled_from(("", *BEDS)), _span),
    st.tuples(
        st.just("trust"),
    ),
)


@dataclass
class Truth:
    """Who lay where in which minute, as the last word of everybody was."""

    visits: dict[str, list[tuple[str, int, int | None, str]]] = field(default_factory=dict)
    cameras: list[tuple[str, int]] = field(default_factory=list)
    doubts: dict[int, tuple[str, int, int]] = field(default_factory=dict)

    def at(self, minute: int) -> str | None:
        """The patient and visit of a window, if that is sure."""
        beds = [bed for bed, since in self.cameras if since <= minute]
        if not beds:
            return None
        bed = beds[-1]
        lying = {
            f"{patient}/{visit}"
            for visit, rows in self.visits.items()
            for where, start, end, patient in rows
            if where == bed and start <= minute and (end is None or minute < end)
        }
        doubted = any(where in ("", bed) and start <= minute < end for where, start, end in self.doubts.values())
        return lying.pop() if len(lying) == 1 and not doubted else None


def check(database: Database, camera: str, truth: Truth, seen_to: int) -> None:
    should = {minute: who for minute in range(seen_to) if (who := truth.at(minute)) is not None}
    stands: dict[int, list[str]] = {}
    for one in latest(database, camera):
        if one.status == "entered-in-error":
            continue
        begin, end = (one.start_us - T0) // MIN, (one.end_us - T0 - 1) // MIN
        who = f"{one.patient.value}/{one.encounter.value}"
        assert {truth.at(minute) for minute in range(begin, end + 1)} == {who}, (one.kind, begin, end, who)
        if one.kind == "alert":
            stands.setdefault(begin, []).append(who)
    assert stands == {minute: [who] for minute, who in should.items()}
    with database.transaction() as tx:
        rows = tx.execute(
            "SELECT a.start_us, s.encounter FROM assessment a LEFT JOIN stay s ON s.id = a.stay AND s.superseded_us IS NULL"
            " WHERE a.source = %s",
            (camera,),
        ).fetchall()
    for start, visit in rows:
        who = should.get((start - T0) // MIN)
        assert visit == (None if who is None else who.split("/")[1])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], derandomize=True
)
@given(st.lists(_step, min_size=3, max_size=14))
def test_after_every_prefix_the_record_says_what_the_census_says(database: Database, steps: list[tuple]) -> None:  # type: ignore[type-arg]
    number = next(_numbers)
    camera, truth, target, done = f"cam-{number}", Truth(), sink(database), 0

    def mine(name: str) -> str:
        return f"{name}{number}"

    save_watches(database, [Watch(camera, mine("A"), 0, None, 0)])
    truth.cameras.append(("A", -(1 << 40)))
    for began, step in enumerate(steps, 1):
        if step[0] == "windows":
            until = min(LAST, done + step[1])
            target.commit(seen(camera, range(done, until)))
            done = until
        elif step[0] == "visit":
            _, visit, rows, patient = step
            spans = [(bed, start, None if open_ else end, patient) for bed, (start, end), open_ in rows]
            truth.visits[visit] = spans
            now = [lies(mine(visit), mine(bed), start, end, patient=patient, number=row) for row, (bed, start, end, _) in enumerate(spans)]
            say(database, mine(visit), now)
        elif step[0] == "camera":
            truth.cameras.append((step[1], step[2]))
            save_watches(database, [Watch(camera, mine(step[1]), T0 + step[2] * MIN, None, began)])
        elif step[0] == "doubt":
            bed, (start, end) = step[1], step[2]
            with database.transaction() as tx:
                which = doubts.begin(tx, mine(bed) if bed else "", T0 + start * MIN, "test", T0 + end * MIN)
            truth.doubts[which] = (bed, start, end)
        elif truth.doubts:
            which, (_, start, _) = truth.doubts.popitem()
            with database.transaction() as tx:
                doubts.end(tx, which, T0 + start * MIN)
        target.review()
        named = Truth({mine(visit): rows for visit, rows in truth.visits.items()}, truth.cameras, truth.doubts)
        check(database, camera, named, done)
    with database.transaction() as tx:  # the next example has the same database
        for which, (_, start, _) in truth.doubts.items():
            doubts.end(tx, which, T0 + start * MIN)
    target.review()
