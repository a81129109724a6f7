"""docs/reference/hl7.md and ihe.md say what the listener does: fields, conditions, limits, and a conversation to copy."""

import datetime as dt
import re
from pathlib import Path
from zoneinfo import ZoneInfo

from wince.hl7 import message
from wince.hl7.errors import CONDITIONS
from wince.hl7.limits import STANDARD
from wince.hospital.listener import AdtListener
from wince.hospital.memory import MemoryCensus
from wince.hospital.results import reading
from wince.hospital.site import Site
from wince.hospital.triggers import TRIGGERS, Meaning
from wince.settings import Settings
from wince.testing.hl7 import send

ROOT = Path(__file__).resolve().parents[2]
HL7 = (ROOT / "docs/reference/hl7.md").read_text()
IHE = (ROOT / "docs/reference/ihe.md").read_text()


def test_the_fields_that_are_read_are_listed() -> None:
    listed = set(re.findall(r"\b(?:EVN|PID|PV1|MRG|OBR|OBX)-\d+", HL7.split("## What is read")[1].split("### Identifiers")[0]))
    read = [*message.KEPT.items(), *message.ORU.kept.items()]
    assert listed == {f"{segment}-{field}" for segment, fields in read for field in fields} - {"PID-5", "PID-11"}


def test_the_conditions_that_are_used_are_listed() -> None:
    sources = [
        file.read_text() for folder in ("hl7", "hospital", "hospital/results") for file in (ROOT / "services/wince" / folder).glob("*.py")
    ]
    used = {code for text in sources for code in re.findall(r'(?:condition=|^INTERNAL = )"(\d+)"', text, re.M)}
    listed = set(re.findall(r"^\| (\d{3}) \|", HL7, re.M))
    assert listed == used
    assert listed <= set(CONDITIONS)


def test_limits_and_settings_are_as_they_are() -> None:
    text = HL7.split("## Limits")[1].split("##")[0]
    assert STANDARD.message_bytes == 1 << 20
    for number in (STANDARD.connections, STANDARD.per_address, message.MAX_GROUPS, message.MAX_RESULTS, message.MAX_REPETITIONS - 1):
        assert re.search(rf"\b{number}\b", text), number
    assert f"{message.MAX_FIELD:,}" in text
    assert f"{STANDARD.idle_s:g} s" in text
    assert f"{STANDARD.message_s:g} s" in text
    named = set(re.findall(r"WINCE_([A-Z0-9_]+)", HL7))
    assert named - {name.upper() for name in Settings.model_fields} == set()


def test_ihe_s_events_have_the_meaning_that_is_said() -> None:
    """Every event that is said to be acknowledged and audited means nothing, every other one something."""
    for row in re.findall(r"^\| (.*?) \| (.*) \|$", IHE.split("## ITI-31")[1], re.M):
        for event in re.findall(r"\b[A-Z]\d\d\b", row[0]):
            without = TRIGGERS.get(event, ("", Meaning.IGNORED))[1] is Meaning.IGNORED
            assert without == row[1].startswith("acknowledged and audited"), event


def test_the_rules_of_scores_are_as_they_are() -> None:
    text = HL7.split("## Scores")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| ([A-Z0-9]+) \| `(http.*?)` \|", text, re.M)) == set(reading.SYSTEMS.items())
    for statuses in (reading.SAID, reading.WITHDRAWN, reading.OTHER):
        assert f"({' '.join(sorted(statuses))})" in text
    assert f"0 to {reading.HIGHEST}" in text
    assert f"{reading.AHEAD_US // 60_000_000} minutes" in text


def _conversation() -> list[tuple[str, str]]:
    sent = re.findall(r"```hl7\n(.*?)```", HL7, re.S)
    answered = re.findall(r"```hl7-answer\n(.*?)```", HL7, re.S)
    assert len(sent) == len(answered)
    return list(zip(sent, answered, strict=True))


def test_the_conversation_happens_as_it_is_told() -> None:
    """Over a real socket. What changes from run to run is our own control id alone."""
    census, now = MemoryCensus(), 0
    zone = ZoneInfo("Europe/Berlin")
    site = Site("test", zone=zone)
    with AdtListener(census, site, now_us=lambda: now) as listener:
        for number, (text, told) in enumerate(_conversation(), 1):
            answered_at = re.search(r"\|(\d{14})\+0000\|", told)
            assert answered_at is not None
            now = _us(answered_at[1])
            answer = send("127.0.0.1", listener.port, text.replace("\n", "\r"))
            lines = re.sub(r"(\|ACK\^\w+\^ACK\|)[^|]+", rf"\g<1>{number}", answer).split("\r")
            assert lines == told.split("\n")
    ended = {stay.bed: stay.end_us for stay in census.stays("ICU^101^A", 0, None) + census.stays("ICU^102^A", 0, None)}
    assert ended == {"ICU^101^A": _us("20261121083000"), "ICU^102^A": _us("20261121104500")}


def _us(text: str) -> int:
    return round(dt.datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC).timestamp()) * 1_000_000
