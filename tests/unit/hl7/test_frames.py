"""Framing alone: however the bytes come in pieces, the same messages."""

from hypothesis import given, settings
from hypothesis import strategies as st

from wince.hl7.frames import Fault, Frames, framed

TEXT = st.binary(max_size=40).filter(lambda text: not {0x0B, 0x1C} & set(text))
BETWEEN = st.sampled_from([b"", b"\r\n", b"\x00\x00", b"\x1c\r", b"\xef\xbb\xbf", b"\n"])


def cut(pieces, limit=1000):
    frames, found = Frames(limit), []
    for piece in pieces:
        messages, fault = frames.feed(piece)
        found += messages
        if fault is not None:
            return found, fault
    return found, None


@given(st.lists(st.tuples(BETWEEN, TEXT), max_size=8), st.data())
@settings(max_examples=200, deadline=None)
def test_pieces_don_t_matter(said, data):
    stream = b"".join(between + framed(text) for between, text in said)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert cut(pieces) == ([text for _, text in said], None)


@given(st.lists(st.binary(max_size=60), max_size=10))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_messages_within_the_limit_or_a_named_fault(pieces):
    frames, limit = Frames(100), 100
    for piece in pieces:
        messages, fault = frames.feed(piece)
        assert all(len(message) <= limit for message in messages)
        if fault is not None:
            assert fault in Fault
            break
        assert len(frames._buffer) <= limit + len(piece)


def test_an_end_without_cr_is_one_when_nothing_follows():
    frames = Frames(100)
    assert frames.feed(b"\x0b1\x1c") == ([], None)
    assert frames.ends_perhaps
    assert frames.settle() == b"1"
    assert frames.feed(b"\r\x0b2\x1c\r") == ([b"2"], None)
    assert frames.settle() is None


def test_a_long_message_keeps_its_beginning_for_the_answer():
    for end in (b"", b"\x1c\r"):
        frames = Frames(10)
        assert frames.feed(b"\x0b1\x1c\r\x0bMSH|^~\\&|HIS|HOSP" + end) == ([b"1"], Fault.TOO_LONG)
        assert frames.beginning.startswith(b"MSH|^~\\&|HIS")


def test_content_that_looks_like_an_end_is_content():
    assert cut([b"\x0ba\x1cb\x1c\x1c\x1c\r"]) == ([b"a\x1cb\x1c\x1c"], None)
