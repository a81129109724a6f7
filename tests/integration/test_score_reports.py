"""Scores that the hospital sends in ORU messages, on a real PostgreSQL: from the wire to what the model charts."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, alert, question, window
from wince.care.retention import Limits, Retention
from wince.domain.census import Kind as Names
from wince.domain.census import Link
from wince.domain.entry import Kind
from wince.domain.ids import ROOT, make
from wince.domain.stay import Identifier, Watch
from wince.hospital.listener import AdtListener
from wince.hospital.site import Site
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.serve.mllp import results
from wince.settings import Settings
from wince.store import aliases, audit
from wince.store.database import Database
from wince.store.stays import PostgresCensus, save_watches
from wince.testing.hl7 import Person, adt, code, oru

PROTOCOLS = {"activity": load("activity")}
P = Person("MRN-90210", "Musterfrau")
NRS = "http://loinc.org|72514-3"


def listener(database: Database) -> AdtListener:
    """As the service makes it, with that patient in the bed."""
    census, site = PostgresCensus(database), Site()
    made = AdtListener(
        census, site, results=results(Settings(outranking_codes=(NRS,)), database, census, site), now_us=lambda: T0 + 3600 * US
    )
    save_watches(database, [Watch(CAMERA, BED, 0, None, 0)])
    assert code(say(made, adt("A01", P, BED, "V1", T0 - 3600 * US))) == "AA"
    return made


def say(to: AdtListener, text: str) -> str:
    return to.handle(text.encode()).decode()


def nrs(value: str = "7", status: str = "F", at_s: int = 500) -> str:
    at = datetime.fromtimestamp(T0 // US + at_s, UTC)
    return f"1|NM|72514-3^Pain^LN||{value}||||||{status}|||{at:%Y%m%d%H%M%S}+0000"


def score(value: str = "7", status: str = "F", *, sent_s: int = 600, visit: str = "V1", control_id: str | None = None) -> str:
    return oru(P, visit, T0 + sent_s * US, [nrs(value, status)], control_id=control_id)


def standing(database: Database) -> list[str]:
    with database.transaction() as tx:
        return [value for (value,) in tx.execute("SELECT value FROM score WHERE NOT void").fetchall()]


def trail(database: Database) -> list[str]:
    return [row.event for row in audit.rows(database)][1:]


def test_a_score_in_oru_outranks_what_is_charted_next_and_no_question_is_asked(database: Database) -> None:
    to, record = listener(database), PostgresSink(database, PROTOCOLS, [FakeTarget()], score_valid_us=3600 * US)
    assert code(say(to, score())) == "AA"
    before, during = record.commit([window(0, 0)]), record.commit([window(120, 2), question(window(120, 2))])
    assert [one.outranked for one in before.entries] == [""]
    assert [one.outranked for one in during.entries] == ["HL7 v2 result, HOSP, 2023-11-14T22:22:20Z"]
    assert [one.status for one in during.entries] == ["preliminary"]
    assert during.tasks == ()


def test_a_score_that_comes_late_outranks_what_is_charted_and_answers_what_was_asked(database: Database) -> None:
    """And no more once it is taken back."""
    to, record = listener(database), PostgresSink(database, PROTOCOLS, [FakeTarget()], score_valid_us=3600 * US)
    record.commit([window(0, 0), window(120, 2), alert(window(120, 2)), question(window(120, 2))])
    say(to, score())
    done = record.review()
    name = "HL7 v2 result, HOSP, 2023-11-14T22:22:20Z"
    assert [(one.kind, one.revision, one.outranked) for one in done.entries] == [(Kind.ALERT, 2, name)], "the window before it stands"
    assert [(one.status, one.revision) for one in done.tasks] == [("cancelled", 2)]
    assert {"corrected", "outranked"} <= set(trail(database))
    say(to, score(status="D", sent_s=700))
    assert [(one.kind, one.revision, one.outranked) for one in record.review().entries] == [(Kind.ALERT, 3, "")]


def test_what_record_looks_at_again_is_what_the_score_counts_for(database: Database) -> None:
    to = listener(database)
    with database.transaction() as tx:
        tx.execute("DELETE FROM review")
    for text in (score(), score("3", sent_s=700, visit="V9")):
        say(to, text)
    with database.transaction() as tx:
        found = tx.execute("SELECT beds, from_us, to_us, why FROM review").fetchall()
    assert found == [([BED], T0 + 500 * US, T0 + 4100 * US, "score")]


def test_one_that_is_taken_back_outranks_nothing(database: Database) -> None:
    to, record = listener(database), PostgresSink(database, PROTOCOLS, [FakeTarget()], score_valid_us=3600 * US)
    say(to, score())
    assert code(say(to, score(status="D", sent_s=700))) == "AA"
    assert [one.outranked for one in record.commit([window(120, 2)]).entries] == [""]
    assert trail(database)[:4] == ["score", "oru", "score.void", "oru"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_in_whichever_order_messages_come_the_last_word_stands(database: Database, order: tuple[int, ...]) -> None:
    to = listener(database)
    texts = [score("7", sent_s=600), score("", "W", sent_s=610), score("4", "C", sent_s=620)]
    assert [code(say(to, texts[number])) for number in order] == ["AA"] * 3
    assert standing(database) == ["4"]


def test_a_withdrawal_that_overtakes_its_score_holds(database: Database) -> None:
    to = listener(database)
    for text in (score(status="X", sent_s=700), score(sent_s=600)):
        assert code(say(to, text)) == "AA"
    assert standing(database) == []


def test_the_same_message_again_is_done_once_and_another_under_its_control_id_is_refused(database: Database) -> None:
    to = listener(database)
    for _ in range(2):
        assert code(say(to, score(control_id="C1"))) == "AA"
    assert trail(database) == ["score", "oru"]
    assert "205^" in say(to, score("3", control_id="C1"))
    assert code(say(to, adt("A08", P, BED, "V1", T0, control_id="C1"))) == "AA", "results take no number from who lies where"


def test_a_visit_of_which_nobody_spoke_keeps_nothing_and_may_come_again_once_it_is_known(database: Database) -> None:
    to, text = listener(database), score(visit="V9", control_id="C1")
    assert code(say(to, text)) == "AA"
    assert (standing(database), trail(database)) == ([], ["adt.ignored"])
    say(to, adt("A01", P, "ICU^2^A", "V9", T0 - 60 * US))
    assert code(say(to, text)) == "AA"
    assert standing(database) == ["7"]


def test_a_withdrawal_that_overtakes_its_score_and_its_visit_holds(database: Database) -> None:
    to = listener(database)
    for text in (score(status="D", visit="V9", sent_s=700), score("4", visit="V9", sent_s=600)):
        assert code(say(to, text)) == "AA"
        say(to, adt("A01", P, "ICU^2^A", "V9", T0 - 60 * US, control_id="A"))
    assert standing(database) == []
    assert trail(database)[:2] == ["score.void", "oru"]
    say(to, score("3", "C", visit="V9", sent_s=800))
    assert standing(database) == ["3"]


def test_a_withdrawal_of_a_visit_that_never_came_goes_by_its_age(database: Database) -> None:
    to = listener(database)
    for visit in ("V1", "V9"):
        say(to, score(status="D", visit=visit, sent_s=700))
    day = 86_400 * US
    run = Retention(database, clock=lambda: T0 + 40 * day)
    for days, left in ((50, ["V1", "V9"]), (30, ["V1"])):
        run.run(Limits(movements=days), "n1")
        with database.transaction() as tx:
            assert tx.execute("SELECT encounter FROM score ORDER BY 1").fetchall() == [(one,) for one in left]


def test_a_score_of_a_merged_visit_is_the_survivors(database: Database) -> None:
    to = listener(database)
    here = PostgresCensus(database).current()[0].encounter
    with database.transaction() as tx:
        aliases.add(tx, [Link(Names.VISIT, Identifier(here.system, "OLD"), here, T0, T0)], make(ROOT, "A42"))
    assert code(say(to, score(visit="OLD"))) == "AA"
    record = PostgresSink(database, PROTOCOLS, [FakeTarget()], score_valid_us=3600 * US)
    assert {one.outranked != "" for one in record.commit([window(120, 2)]).entries} == {True}


def test_another_patients_score_under_this_visit_is_not_this_ones_word(database: Database) -> None:
    to, record = listener(database), PostgresSink(database, PROTOCOLS, [FakeTarget()], score_valid_us=3600 * US)
    assert code(say(to, oru(Person("OTHER"), "V1", T0 + 600 * US, [nrs()]))) == "AA"
    assert [one.outranked for one in record.commit([window(120, 2)]).entries] == [""]


def test_a_bad_score_beside_a_good_one_is_named_in_the_trail(database: Database) -> None:
    to = listener(database)
    assert code(say(to, oru(P, "V1", T0 + 600 * US, [nrs(), nrs("?", at_s=400)]))) == "AA"
    assert standing(database) == ["7"]
    with database.transaction() as tx:
        rows = tx.execute("SELECT payload FROM audit_payload WHERE payload LIKE '%OBX-5 102%'").fetchall()
    assert len(rows) == 1
    assert "90210" not in rows[0][0]


def test_without_codes_nothing_takes_results(database: Database) -> None:
    assert results(Settings(), database, PostgresCensus(database), Site()) is None
