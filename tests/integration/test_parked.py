"""Refused messages that are kept instead of stopping their sender: listed, replayed in order, dropped, expired, each audited."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from wince.domain.stay import Stay
from wince.errors import StoreError
from wince.hospital.listener import AdtListener
from wince.hospital.memory import MemoryCensus
from wince.hospital.parking import replay
from wince.hospital.site import Site
from wince.store import audit, parked
from wince.store.database import Database
from wince.store.parked import DAY_US, PostgresParking
from wince.store.stays import PostgresCensus
from wince.telemetry import logs
from wince.testing.hl7 import Person, adt, code

P = Person("MRN-90210", "Musterfrau")
NORTH_AND_SOUTH = {"PID-3": "MRN-90210^^^NORTH^MR~88^^^SOUTH^MR"}
SECOND = 1_000_000
ROOM = 1 << 20


def listener(database: Database, *, always: bool = True, room: int = ROOM, authority: str = "") -> AdtListener:
    parking = PostgresParking(database, always=always, most_bytes=room)
    return AdtListener(PostgresCensus(database), Site(authority=authority), parking=parking)


def say(to: AdtListener, trigger: str = "A01", bed: str = "ICU^1^A", at_s: int = 100, **options: object) -> list[str]:
    raw = adt(trigger, P, bed, "V1", at_s * SECOND, **options).encode()  # type: ignore[arg-type]
    return [code(answer.decode()) for answer in to.answers(raw)]


def waiting(database: Database) -> list[parked.ParkedMessage]:
    with database.transaction() as tx:
        return parked.parked(tx)


def ask(database: Database) -> int:
    with database.transaction() as tx:
        return parked.ask(tx, [], 7)


def events(database: Database) -> list[str]:
    return [row.event for row in audit.rows(database)]


def test_a_refusal_for_a_control_character_is_in_the_trail_and_an_escape_is_decoded_once_by_a_replay(database: Database) -> None:
    refusing = AdtListener(PostgresCensus(database), Site())
    for field in ("PID-3", "PV1-19", "PV1-3"):
        assert say(refusing, fields={field: "4\x00711^^^HOSP^MR"}, control_id=f"C-{field}") == ["AE"]
    assert say(refusing, fields={"MSH-3": "H\0S", "PID-3": "4\x00711^^^HOSP^MR"}, control_id="C\0") == ["AE"]
    assert events(database) == ["adt.rejected"] * 4
    parking = listener(database)
    assert say(parking, fields={"PID-3": "4\\X41\\7^^^NORTH^MR~88^^^SOUTH^MR"}, control_id="C9") == ["AA"]
    assert ask(database) == 1
    assert replay(database, listener(database, authority="NORTH").take_again, days=1) == 1
    with database.transaction() as tx:
        assert tx.execute("SELECT patient FROM stay").fetchall() == [("4A7",)]


def test_a_transfer_that_was_parked_lands_right_when_it_is_replayed_after_the_discharge(database: Database) -> None:
    first = listener(database, authority="NORTH")
    assert say(first, "A01", fields=NORTH_AND_SOUTH) == ["AA"]
    wrong = listener(database)
    assert say(wrong, "A02", "ICU^2^B", 200, fields=NORTH_AND_SOUTH, control_id="C2") == ["AA"]
    assert say(first, "A03", "ICU^2^B", 300, fields=NORTH_AND_SOUTH) == ["AA"]
    (message,) = waiting(database)
    assert (message.control_id, message.trigger, message.place, message.condition) == ("C2", "A02", "PID-3", "102")
    assert ask(database) == 1
    put_right = listener(database, authority="NORTH")
    assert replay(database, put_right.take_again, days=30) == 1
    assert waiting(database) == []
    found = PostgresCensus(database)

    def lying(bed: str) -> list[tuple[int, int | None]]:
        rows: list[Stay] = found.stays(bed, 0, None)
        return [(row.start_us // SECOND, row.end_us and row.end_us // SECOND) for row in rows]

    assert (lying("ICU^1^A"), lying("ICU^2^B")) == ([(100, 200)], [(200, 300)])
    assert [event for event in events(database) if "adt." in event] == ["adt.rejected", "adt.parked", "adt.replayed"]


def test_they_are_taken_in_the_order_in_which_they_came(database: Database) -> None:
    wrong = listener(database)
    for number, trigger in enumerate(("A01", "A02", "A03")):
        assert say(wrong, trigger, f"ICU^{number}^A", 100 + number, fields=NORTH_AND_SOUTH, control_id=f"C{number}") == ["AA"]
    seen: list[bytes] = []

    def take(raw: bytes) -> None:
        seen.append(raw)

    ask(database)
    assert replay(database, take, days=30) == 3
    assert [raw.split(b"|")[9] for raw in seen] == [b"C0", b"C1", b"C2"]


def test_where_the_site_wants_a_refusal_it_is_answered_unless_nobody_would_hear_it(database: Database) -> None:
    refusing = listener(database, always=False)
    assert say(refusing, fields={"PID-3": ""}) == ["AE"]
    assert waiting(database) == []
    assert say(refusing, fields={"PID-3": "", "MSH-15": "NE", "MSH-16": "NE"}) == []
    assert len(waiting(database)) == 1


def test_what_is_no_adt_or_has_no_name_is_never_parked(database: Database) -> None:
    keeping = listener(database)
    for fields in ({"MSH-9": "ORM^O01"}, {"MSH-10": ""}, {"MSH-2": "^~"}, {"MSH-10": "1" * 300}):
        assert say(keeping, fields=fields) == ["AR"]
    assert b"MSA|AR|" in keeping.handle(b"PID|1||4711\r")
    assert waiting(database) == []


def test_a_refused_replay_stays_with_what_is_wrong_now(database: Database) -> None:
    keeping = listener(database)
    say(keeping, fields=NORTH_AND_SOUTH | {"PV1-3": ""})
    ask(database)
    assert replay(database, listener(database, authority="NORTH").take_again, days=30) == 0
    (message,) = waiting(database)
    assert (message.attempts, message.asked_us, message.place) == (1, None, "PV1-3")
    ask(database)
    replay(database, keeping.take_again, days=30)
    assert events(database)[-2:] == ["adt.refused_again", "adt.refused_again"]


def test_a_store_that_fails_parks_nothing_and_loses_nothing(database: Database) -> None:
    class Broken(MemoryCensus):
        def commit(self, change, decide):  # type: ignore[no-untyped-def, override]
            raise StoreError("the database is gone")

    broken = AdtListener(Broken(), Site(), parking=PostgresParking(database, always=True, most_bytes=ROOM))
    assert say(broken) == ["AE"]
    assert waiting(database) == []
    say(listener(database), fields={"PID-3": ""})
    ask(database)
    with pytest.raises(StoreError):
        replay(database, lambda _: broken.take_again(adt("A01", P, "ICU^1^A", "V1", 0).encode()), days=30)
    assert [message.asked_us for message in waiting(database)] == [7]


def test_the_same_message_again_is_parked_once(database: Database) -> None:
    keeping = listener(database)
    for _ in range(2):
        assert say(keeping, fields={"PID-3": ""}, control_id="C1") == ["AA"]
    assert len(waiting(database)) == 1


def test_above_its_room_messages_are_refused_again(database: Database) -> None:
    keeping = listener(database, room=300)
    assert say(keeping, fields={"PID-3": ""}) == ["AA"]
    assert say(keeping, fields={"PID-3": ""}) == ["AE"]
    assert len(waiting(database)) == 1


def test_a_person_drops_and_time_deletes_and_the_trail_says_so_without_the_text(database: Database) -> None:
    keeping = listener(database)
    for number in range(2):
        say(keeping, fields={"PID-3": "", "PID-5": "Musterfrau"}, control_id=f"C{number}")
    first, second = waiting(database)
    with database.transaction() as tx:
        assert b"Musterfrau" in parked.show(tx, first.id, "n7", 1)
        parked.drop(tx, first.id, "n7", 2)
        assert parked.expire(tx, 30, second.received_us + 29 * DAY_US) == 0
        assert parked.expire(tx, 30, second.received_us + 31 * DAY_US) == 1
    assert waiting(database) == []
    assert events(database)[-3:] == ["read", "adt.dropped", "adt.expired"]
    assert not any("Musterfrau" in (row.payload or "") for row in audit.rows(database, payloads=True))


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logs.configure("debug", json=True, stream=stream)
    yield stream
    logs.configure()


def test_no_log_line_names_the_patient(database: Database, lines: io.StringIO) -> None:
    keeping = listener(database)
    say(keeping, fields=NORTH_AND_SOUTH | {"PID-5": "Musterfrau"})
    ask(database)
    replay(database, keeping.take_again, days=30)
    assert "refused message parked" in lines.getvalue()
    for name in ("MRN-90210", "Musterfrau", "ICU^1^A"):
        assert name not in lines.getvalue()
