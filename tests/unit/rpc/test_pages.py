"""Page tokens, orders and filters of lists."""

import asyncio
import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.api.record.v1 import record_service_pb2 as pb
from wince.errors import MessageError
from wince.rpc.filters import Column, conditions, where
from wince.rpc.pages import Page, Pages, latest_first
from wince.rpc.tokens import seal, unseal

KEY = b"k" * 32
APART = ("page_size", "page_token")


def asked(bed: str = "ICU^1^A", **more) -> pb.ListAssessmentsRequest:
    return pb.ListAssessmentsRequest(scope=pb.Scope(bed=bed), **more)


def read(text: str, request=None, key: bytes = KEY, kinds=(int, str)):
    return unseal(key, request or asked(), text, kinds, field="page_token", apart=APART)


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.text(max_size=50))  # as ids and times are: a token has at most LONGEST characters
def test_a_position_comes_back_as_it_went(number, text):
    assert read(seal(KEY, asked(), (number, text), apart=APART)) == [number, text]


@given(st.text(min_size=1))
def test_any_other_token_is_refused(text):
    with pytest.raises(MessageError) as caught:
        read(text)
    assert caught.value.field == "page_token"


def test_a_token_belongs_to_its_request_and_its_installation():
    token = seal(KEY, asked(page_size=3), (1, "x"), apart=APART)
    assert read(token, asked(page_size=7, page_token=token)) == [1, "x"]
    others = (
        asked("ICU^2^A"),
        asked(filter="grade = 1"),
        asked(order_by="start_us desc"),
        pb.ListAlertsRequest(scope=pb.Scope(bed="ICU^1^A")),
    )
    for other in others:
        with pytest.raises(MessageError, match="this request"):
            read(token, other)
    with pytest.raises(MessageError):
        read(token, key=b"j" * 32)
    with pytest.raises(MessageError, match="another version"):
        read(token, kinds=(int, int))


def test_a_token_says_nothing_to_who_holds_it():
    raw = base64.urlsafe_b64decode(seal(KEY, asked(), (1_700_000_040_000_000, "PACU^2^A"), apart=APART))
    assert b"PACU" not in raw
    assert b"17000" not in raw


def test_no_byte_of_a_token_can_be_changed():
    raw = base64.urlsafe_b64decode(seal(KEY, asked(), (1, "x"), apart=APART))
    for place in range(len(raw)):
        other = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(MessageError):
            read(base64.urlsafe_b64encode(other).decode())


def test_pages_follow_each_other_whatever_their_size():
    rows = list(range(10))

    async def run(work):
        return work()

    def listed(size: int) -> list[int]:
        pages, found, token = Pages(lambda: KEY, run), [], ""
        while True:
            page: Page = asyncio.run(pages.begin(asked(page_size=size, page_token=token), int))
            after = page.after[0] if page.after else -1
            more, token = page.cut([row for row in rows if row > after][: page.limit], lambda row: (row,))
            found += more
            if not token:
                return found

    assert all(listed(size) == rows for size in (1, 3, 9, 10, 11))


def test_an_order_names_what_the_list_has():
    assert [latest_first(text, "at_us") for text in ("", "at_us", "at_us asc", " at_us  desc ")] == [False, False, False, True]
    for wrong in ("start_us", "at_us down", "at_us, id", "desc"):
        with pytest.raises(MessageError) as caught:
            latest_first(wrong, "at_us")
        assert caught.value.field == "order_by"


COLUMNS = {
    "grade": Column("a.grade", "number"),
    "shadow": Column("a.shadow", "flag"),
    "source": Column("a.source"),
    "kind": Column("a.kind", words=frozenset({"alert", "grade"})),
    "id": Column("a.id", "id"),
}


def test_a_filter_becomes_parameters():
    text = ' grade>=1 AND source != "b \\"1\\" \\\\" AND shadow = false AND kind = alert '
    sql, values = where(conditions(text, COLUMNS))
    assert sql == " AND a.grade >= %s AND a.source IS DISTINCT FROM %s AND a.shadow = %s AND a.kind = %s"
    assert values == [1, 'b "1" \\', False, "alert"]
    assert where(conditions("  ", COLUMNS)) == ("", [])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("mrn = 4711", "character 1: is no field"),
        ("grade", "no condition"),
        ("grade = 1 grade = 2", "character 11: AND is missing"),
        ("grade = 1 AND ", "AND is missing|no condition"),
        ("grade = one", "whole number"),
        ('grade = "1"', "whole number"),
        ("grade = 99999999999999999999", "whole number"),
        ("grade = 9999999999999999999", "whole number"),
        ("shadow >= true", "no order"),
        ("shadow = 1", "true or false"),
        ("kind = summary", "never that"),
        ("id = x", "UUID"),
        ('source = "open', "no condition"),
        ("source = a; DROP TABLE audit", "AND is missing"),
        (" AND ".join(["grade = 1"] * 21), "at most 20"),
        ("x" * 1001, "at most 1000"),
    ],
)
def test_a_wrong_filter_is_named(text, what):
    with pytest.raises(MessageError, match=what) as caught:
        conditions(text, COLUMNS)
    assert caught.value.field == "filter"


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader_of_filters(text):
    with suppress(MessageError):
        where(conditions(text, COLUMNS))
