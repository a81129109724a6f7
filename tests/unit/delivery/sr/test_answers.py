"""What an archive's answer comes to."""

import pytest

from wince.delivery.interface import Outcome
from wince.delivery.sr.answers import NOT_COMMITTED, STATUSES, judged, of_http, of_status, probed
from wince.dicom.scu.client import Sent, stored
from wince.dicom.scu.commitment import Commitment

SOPS = ("1.2.1", "1.2.2")


def test_every_status_has_an_outcome_and_what_counts_as_stored_is_written() -> None:
    for status in range(0x10000):
        answer = of_status(status)
        assert (answer.outcome is Outcome.WRITTEN) == stored(status)
        assert answer.detail.startswith(f"{status:04X}")
        assert answer.remedy or answer.outcome is not Outcome.HELD
    assert all(row.first <= row.last for row in STATUSES)


@pytest.mark.parametrize(
    ("status", "outcome", "may_pass"),
    [
        (401, Outcome.HELD, False), (403, Outcome.HELD, False), (404, Outcome.DEAD, True), (400, Outcome.DEAD, False),
        (415, Outcome.DEAD, False), (302, Outcome.DEAD, True), (503, Outcome.RETRY, False), (429, Outcome.RETRY, False),
        (500, Outcome.RETRY, True), (204, Outcome.RETRY, True),
    ],
)  # fmt: skip
def test_http_answers_without_objects(status: int, outcome: Outcome, may_pass: bool) -> None:
    answer = judged(Sent((), http=status, retry_after_s=7.0), SOPS, committed=False)
    assert (answer.outcome, answer.may_pass) == (outcome, may_pass)
    assert of_http(status, None).outcome is outcome


def test_the_report_decides_and_what_stands_beside_it_is_said() -> None:
    done = judged(Sent((0, 0xA900)), SOPS, committed=False)
    assert (done.outcome, done.location) == (Outcome.WRITTEN, "1.2.1")
    assert done.left.startswith("key objects refused: A900")
    assert judged(Sent((0xC001,)), SOPS, committed=False).outcome is Outcome.DEAD
    assert judged(Sent((0, 0xA700)), SOPS, committed=False).outcome is Outcome.RETRY
    assert judged(Sent((0x0111, 0xB000)), SOPS, committed=False).left == ""


def test_written_is_what_the_archive_answers_for() -> None:
    both = Commitment("t", frozenset(SOPS))
    assert judged(Sent((0, 0), both), SOPS, committed=True).left == ""
    assert judged(Sent((0, 0)), SOPS, committed=True).left == NOT_COMMITTED
    assert judged(Sent((0, 0), Commitment("t", frozenset(SOPS[:1]))), SOPS, committed=True).left == NOT_COMMITTED
    lost = judged(Sent((0, 0), Commitment("t", frozenset(SOPS[:1]), {SOPS[1]: 0x0112})), SOPS, committed=True)
    assert (lost.outcome, lost.detail) == (Outcome.RETRY, "the archive does not commit to it: 0112")


def test_a_probe_of_the_web_is_open_unless_it_refuses_us() -> None:
    found = {status: probed(Sent((), http=status)).outcome for status in (200, 204, 404, 401, 403, 500, 503)}
    assert [status for status, outcome in found.items() if outcome is Outcome.WRITTEN] == [200, 204, 404]
    assert [status for status, outcome in found.items() if outcome is Outcome.HELD] == [401, 403]
    assert probed(Sent((0,))).outcome is Outcome.WRITTEN
