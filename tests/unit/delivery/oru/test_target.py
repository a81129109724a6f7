"""An HL7 receiver as a target: what is unknown is sent again as it was, what is known is not, and who refuses everything is held."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contract.ehr.samples import PROTOCOLS, entry
from tests.support.certificates import Authority
from wince.delivery.interface import Answer, Outcome
from wince.delivery.oru.channel import Channel
from wince.delivery.oru.profiles.profile import Writing, load
from wince.delivery.oru.target import AWAY_S, OruTarget
from wince.domain.entry import Entry
from wince.testing.hl7.receiver import RIGHT, Fault, Receiver

STRANGE = ["late:30", "other", "garbage", "junk", "half", "never", "drop"]
"""Faults after which it is unknown whether the message was taken; the receiver filed it."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def target(port: int, *, profile: str = "v251", timeout_s: float = 20.0, sheet: str = "", **options: Any) -> OruTarget:
    made = replace(load(profile), sheet=sheet, sheet_kinds=("grade",), **options.pop("profile_", {}))
    writing = Writing(made, version="0.1.0", sheet=lambda _entry, _protocol: b"%PDF")
    channel = Channel("127.0.0.1", port, timeout_s=timeout_s, tls=options.pop("tls", None), server_name=options.pop("name", ""))
    return OruTarget("oru", channel, PROTOCOLS, writing, **options)


def body(one: OruTarget, item: Entry) -> str:
    text = one.render(item)
    assert isinstance(text, str)
    return text


def once(*faults: str) -> Callable[[int], Fault]:
    """These, one message each; then right answers."""
    return lambda number: Fault.of(faults[number]) if number < len(faults) else RIGHT


def test_what_was_taken_is_written(receiver: Receiver) -> None:
    one, item = target(receiver.port), entry()
    done = one.deliver(body(one, item), first=True)
    assert (done.outcome, done.detail, done.location) == (Outcome.WRITTEN, "AA", str(item.id))
    assert list(receiver.filed) == [done.version]
    assert receiver.filed[done.version].decode() == body(one, item)


@pytest.mark.parametrize("fault", STRANGE)
@pytest.mark.parametrize("profile", ["v251", "v28"])
def test_what_is_unknown_is_sent_again_under_the_same_id(receiver: Receiver, profile: str, fault: str) -> None:
    one = target(receiver.port, profile=profile, timeout_s=0.5)
    text = body(one, entry())
    receiver.script = once(fault)
    assert one.deliver(text, first=True).outcome is Outcome.RETRY
    again = target(receiver.port, profile=profile).deliver(text)
    assert again.outcome is Outcome.WRITTEN
    assert receiver.came == [again.version] * 2
    assert list(receiver.filed) == [again.version]


def test_an_answer_that_comes_twice_or_late_is_not_the_next_ones(receiver: Receiver) -> None:
    """The second message is refused: the first one's second answer must not pass for it."""
    one = target(receiver.port, timeout_s=5)
    receiver.script = once("twice", "AE:101")
    assert one.deliver(body(one, entry()), first=True).outcome is Outcome.WRITTEN
    assert one.deliver(body(one, entry()), first=True).outcome is Outcome.DEAD


def test_where_the_application_answers_too_a_commit_alone_is_no_answer(receiver: Receiver) -> None:
    receiver.script = lambda _number: Fault("CA")
    strict = target(receiver.port, profile="v28", timeout_s=0.3)
    loose = target(receiver.port, profile="v28", profile_={"application_ack": "NE"})
    assert strict.deliver(body(strict, entry()), first=True).outcome is Outcome.RETRY
    assert loose.deliver(body(loose, entry()), first=True).outcome is Outcome.WRITTEN


def test_what_was_written_under_another_profile_is_sent_as_it_was_written(receiver: Receiver) -> None:
    """Its bytes are of the character set that its MSH-18 names, and its own MSH-16 says which acknowledgement is the last."""
    before, now = target(receiver.port, profile="v28", timeout_s=0.3), target(receiver.port, profile="v231", timeout_s=0.3)
    text = body(before, entry(nurse="M\u00fcller-\u4e2d"))
    done = now.deliver(text, first=True)
    assert done.outcome is Outcome.WRITTEN
    assert receiver.filed[done.version] == text.encode()
    receiver.script = lambda _number: Fault("CA")
    assert now.deliver(text).outcome is Outcome.RETRY


def test_one_that_is_rejected_among_others_holds_nobody(receiver: Receiver) -> None:
    one = target(receiver.port)
    bad = body(one, entry())
    receiver.script = once("AR", "twice", "AR")
    assert one.deliver(bad).may_pass
    assert one.deliver(body(one, entry())).outcome is Outcome.WRITTEN
    assert one.deliver(bad).outcome is Outcome.DEAD


def test_who_rejects_several_and_takes_none_is_held(receiver: Receiver) -> None:
    one = target(receiver.port)
    receiver.script = lambda _number: Fault("AR")
    texts = [body(one, entry()) for _ in range(3)]
    assert [one.deliver(text).outcome for text in (texts[0], texts[0], texts[1], texts[2])] == [
        Outcome.DEAD, Outcome.DEAD, Outcome.HELD, Outcome.HELD
    ]  # fmt: skip
    receiver.script = lambda _number: RIGHT
    assert one.deliver(texts[1]).outcome is Outcome.WRITTEN


def test_who_is_away_is_asked_again_and_then_held_until_a_probe_reaches_it(receiver: Receiver) -> None:
    now = [0.0]
    one = target(receiver.port, clock=lambda: now[0])
    text = body(one, entry())
    receiver.stop()
    assert one.deliver(text).outcome is Outcome.RETRY
    now[0] = AWAY_S + 1
    held = one.deliver(text)
    assert held.outcome is Outcome.HELD
    assert "oru_address" in held.remedy
    assert one.probe().outcome is Outcome.HELD
    receiver.start()
    assert one.probe().outcome is Outcome.WRITTEN
    assert receiver.came == []
    assert one.deliver(text).outcome is Outcome.WRITTEN
    receiver.stop()
    assert one.deliver(text).outcome is Outcome.RETRY  # the clock of an absence begins anew


def test_a_connection_that_was_closed_meanwhile_costs_nothing(receiver: Receiver) -> None:
    one = target(receiver.port)
    assert one.deliver(body(one, entry())).outcome is Outcome.WRITTEN
    receiver.stop()
    receiver.start()
    assert one.deliver(body(one, entry())).outcome is Outcome.WRITTEN
    assert len(receiver.came) == len(receiver.filed) == 2


def test_what_a_person_must_take_back_waits_for_one(receiver: Receiver) -> None:
    one = target(receiver.port, profile_={"withdraws": "by_hand"})
    wrong = body(one, entry(revision=2, status="entered-in-error"))
    assert not one.takes_back
    asked = one.deliver(wrong, "some-entry", "CONTROL")
    assert (asked.outcome, asked.location, asked.version) == (Outcome.BY_HAND, "some-entry", "CONTROL")
    assert one.deliver(wrong).outcome is Outcome.WRITTEN
    assert receiver.came == []


def test_a_document_goes_behind_the_results_and_is_sent_again_with_them(receiver: Receiver) -> None:
    one = target(receiver.port, sheet="mdm", timeout_s=0.5)
    text = body(one, entry())
    receiver.script = once("late:0.01", "never")
    assert one.deliver(text, first=True).outcome is Outcome.RETRY
    assert one.deliver(text).outcome is Outcome.WRITTEN
    assert [raw.split(b"|")[8][:7] for raw in receiver.filed.values()] == [b"ORU^R01", b"MDM^T02"]
    assert receiver.came == [*receiver.filed] * 2


@pytest.mark.parametrize(("answer", "said"), [
    ("AE:103", "AE 103 table value not found"), ("AR:200", "AR 200 unsupported message type"), ("AE", "AE"),
])  # fmt: skip
def test_a_document_that_is_refused_stays_listed_beside_the_results(receiver: Receiver, answer: str, said: str) -> None:
    """A receiver that takes no MDM at all holds nothing: the results stand."""
    one = target(receiver.port, sheet="mdm")
    receiver.script = once("twice", answer)
    done = one.deliver(body(one, entry()), first=True)
    assert (done.outcome, done.left) == (Outcome.WRITTEN, f"MDM refused: {said}")


def test_a_stop_breaks_off_what_waits(receiver: Receiver) -> None:
    one = target(receiver.port, timeout_s=60)
    receiver.script = lambda _number: Fault("never")
    found: list[Answer] = []
    waiting = threading.Thread(target=lambda: found.append(one.deliver(body(one, entry()))))
    waiting.start()
    for _ in range(600):
        if receiver.came:
            break
        waiting.join(0.1)
    one.interrupt()
    waiting.join(60)
    assert [answer.outcome for answer in found] == [Outcome.RETRY]
    assert one.deliver(body(one, entry())).outcome is Outcome.RETRY
    assert len(receiver.came) == 1


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def client_side(authority: Authority | None, shown: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(authority.file) if authority else None)
    if shown is not None:
        made.load_cert_chain(*map(str, shown))
    return made


def server_side(authority: Authority, name: str = "localhost", *, clients: bool = False) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*map(str, authority.issue(name)))
    if clients:
        made.load_verify_locations(str(authority.file))
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def test_tls_with_our_certificate_where_it_wants_one(authority: Authority) -> None:
    shown = authority.issue("wince")
    with Receiver(tls=server_side(authority, clients=True)) as receiver:
        one = target(receiver.port, tls=client_side(authority, shown), name="localhost")
        assert one.probe().outcome is Outcome.WRITTEN
        assert [one.deliver(body(one, entry())).outcome for _ in range(3)] == [Outcome.WRITTEN] * 3
        bare = target(receiver.port, tls=client_side(authority), name="localhost")
        for refused in (bare.probe(), bare.deliver(body(bare, entry()))):
            assert refused.outcome is Outcome.HELD
            assert "oru_cert_file" in refused.remedy
        assert len(receiver.came) == 3


@pytest.mark.parametrize(("believed", "name", "remedy"), [(False, "localhost", "oru_ca_file"), (True, "another", "another name")])
def test_a_certificate_that_is_not_believed_holds_the_target(authority: Authority, believed: bool, name: str, remedy: str) -> None:
    with Receiver(tls=server_side(authority)) as receiver:
        one = target(receiver.port, tls=client_side(authority if believed else None), name=name)
        for held in (one.deliver(body(one, entry())), one.probe()):
            assert held.outcome is Outcome.HELD
            assert remedy in held.remedy
        assert receiver.came == []
