"""A discharge under a number that nobody knows: the patient may have left the bed, so a person is asked."""

from __future__ import annotations

from tests.contract.census.feed import ICU1, Feed, pid, pv1
from wince.domain.binding import in_bed
from wince.domain.reason import Reason
from wince.domain.stay import Stay
from wince.hospital.site import Site
from wince.store import audit, doubts, stays, trust
from wince.store.database import Database
from wince.store.stays import PostgresCensus

MINUTE = 60 * 1_000_000
EIGHT = 1_795_248_000_000_000
"""21 November 2026, 08:00 UTC."""


def who(database: Database, minute: int) -> Stay | Reason:
    """Whom record would write to, so many minutes after eight."""
    at_us = EIGHT + minute * MINUTE
    with database.transaction() as tx:
        lying = stays.believed(tx, [ICU1], at_us, at_us)
        return in_bed(lying, ICU1, at_us, 1 << 62, doubts.overlapping(tx, [ICU1], at_us, at_us + 1))


def look(database: Database) -> None:
    with database.transaction() as tx:
        trust.watch_stays(tx, EIGHT + 300 * MINUTE, 7 * 24 * 60 * MINUTE)


def test_the_bed_is_doubtful_until_the_hospital_speaks_of_the_visit(database: Database) -> None:
    feed = Feed(PostgresCensus(database), Site())
    feed.tell("A01", "0800", pid(), pv1())
    feed.tell("A03", "0900", pid(), pv1(visit="V900^^^OTHER^VN"))
    look(database)
    assert isinstance(who(database, 59), Stay)
    assert who(database, 60) is Reason.DOUBTFUL
    assert "trust.lost" in [row.event for row in audit.rows(database)]
    feed.tell("A08", "0930", pid(), pv1())
    look(database)
    assert isinstance(who(database, 60), Stay), "it was this patient all the time"


def test_another_discharge_makes_no_second_doubt(database: Database) -> None:
    """One that tells of an earlier time does: the bed is doubtful from then on."""
    feed = Feed(PostgresCensus(database), Site())
    feed.tell("A01", "0800", pid(), pv1())
    for at, visit, open_ in (("0900", "V901", 1), ("0900", "V902", 1), ("0850", "V903", 2)):
        feed.tell("A03", at, pid(), pv1(visit=f"{visit}^^^OTHER^VN"))
        with database.transaction() as tx:
            assert tx.execute("SELECT count(*) FROM doubted WHERE ended_us IS NULL").fetchone() == (open_,)
    assert (isinstance(who(database, 49), Stay), who(database, 50)) == (True, Reason.DOUBTFUL)


def test_or_until_a_person_confirms(database: Database) -> None:
    feed = Feed(PostgresCensus(database), Site())
    feed.tell("A01", "0800", pid(), pv1())
    feed.tell("A03", "0900", pid(), pv1(visit="V900^^^OTHER^VN"))
    with database.transaction() as tx:
        trust.confirm(tx, [ICU1], "nurse", EIGHT + 70 * MINUTE)
    look(database)
    assert isinstance(who(database, 80), Stay)


def test_the_end_of_a_strangers_visit_makes_nothing_doubtful(database: Database) -> None:
    feed = Feed(PostgresCensus(database), Site())
    feed.tell("A01", "0800", pid(), pv1())
    feed.tell("A03", "0900", pid("80002"), pv1(visit="V777"))
    assert isinstance(who(database, 90), Stay)
