"""The search for names and numbers of patients: it finds them wherever somebody could write them, and nothing that chance wrote."""

from uuid import UUID

import pytest

from tests.support.telling import told

SECRETS = ("Erika", "100234", "19420317", "194203", "1942")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("born 1942", ["1942"]),
        ("1942-03-17", ["1942"]),
        ("17.03.1942", ["1942"]),
        ("datetime.date(1942, 3, 17)", ["1942"]),
        ("PID|||100234^^^HOSP||Musterfrau^Erika||19420317", ["Erika", "100234", "19420317"]),
        ("/Patient?identifier=urn:x|100234", ["100234"]),
        ('"patient": "mrn100234"', ["100234"]),
        ("patient_100234_a", ["100234"]),
        ("born 194203", ["194203"]),
        ("12:30:59 1942", ["1942"]),
        ("100234.5 kg", ["100234"]),
    ],
)
def test_what_somebody_wrote_is_found(text: str, found: list[str]) -> None:
    assert told(text, SECRETS) == found


@pytest.mark.parametrize(
    "text",
    [
        '"timestamp": "2026-11-30T15:57:57.801942Z"',
        "2026-11-30T15:57:57.100234+00:00 listening",
        "2026-11-30 15:57:57.194203 UTC",
        "MSH|^~\\&|WINCE|||ICU|20261130194203||ACK^A01^ACK",
        "listening on 127.0.0.1:41942",
        '"message": "e1942bae0334", "patient": "1942c8c2fb66"',
        f'"id": "{UUID(int=0x100234 << 40 | 0xABC << 90)}"',
        "wince_call_seconds_sum 0.10023491942034",
        '"trace_id": "0x7be100234d1942a7be100234d1942a00"',
    ],
)
def test_what_chance_wrote_is_not(text: str) -> None:
    assert told(text, SECRETS) == []
