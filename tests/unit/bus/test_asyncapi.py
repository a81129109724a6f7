"""docs/reference/asyncapi.yaml says what topics.py and the protos say, and holds together."""

import hashlib
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kafka.partitioner.default import murmur2 as theirs

import wince
from wince import codec
from wince.bus import access, headers
from wince.bus.asyncapi import document, render
from wince.bus.interface import Record
from wince.bus.memory import MemoryBus
from wince.bus.topics import (
    ALL,
    ASSESSMENTS,
    BROKER_LOOKS_MS,
    CARE,
    ESTIMATES,
    FACES,
    PARTITIONS,
    STAYS,
    TOPICS,
    dead_letters,
)
from wince.runners.estimate import Estimating
from wince.runners.grade import Grading
from wince.runners.record import Recording
from wince.serve.process import PORTS

FILE = Path(__file__).parents[3] / "docs" / "reference" / "asyncapi.yaml"


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [value["$ref"]] if set(value) == {"$ref"} else [one for item in value.values() for one in references(item)]
    return [one for item in value for one in references(item)] if isinstance(value, list) else []


def test_the_file_is_current() -> None:
    """`make proto` writes it."""
    assert FILE.read_text("utf-8") == render()


def test_every_reference_leads_somewhere() -> None:
    whole = document()
    found = references(whole)
    assert len(found) > 30
    for reference in found:
        place: Any = whole
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_every_topic_and_every_message_that_a_stage_takes_is_in_it() -> None:
    whole = document()
    assert set(whole["channels"]) == set(TOPICS) == {name for topic in ALL for name in (topic, dead_letters(topic))}
    assert {schema for topic in TOPICS.values() for schema in topic.schemas} <= codec.SCHEMAS
    face = whole["components"]["schemas"]["wince.api.detect.v1.Face"]["schema"]
    assert face.startswith("message Face {\n  string source = 1;")


def test_whoever_writes_and_reads_is_in_it_with_its_group() -> None:
    """All of them, of dead letters too: services whose code publishes or consumes, not those that once did."""
    operations = document()["operations"]
    assert set(operations) == {
        f"{service}.{action}.{name}"
        for name, topic in TOPICS.items()
        for action, services in (("send", topic.writers), ("receive", topic.readers))
        for service in services
    }
    assert {"hospital.send.wince.care.v1", "record.receive.wince.care.v1", "record.send.wince.care.v1.dlq"} <= set(operations)
    for runner in (Estimating, Grading, Recording):
        assert set(runner.topics) == {name for name in ALL if runner.group in TOPICS[name].readers}
        for name in runner.topics:
            assert operations[f"{runner.group}.receive.{name}"]["bindings"]["kafka"]["groupId"]["enum"] == [runner.group]
    assert {service for topic in TOPICS.values() for service in topic.readers} == {"estimate", "grade", "record"}


def test_whoever_publishes_in_the_code_is_a_writer() -> None:
    """The modules of which each service is made, by the names of the topics that they publish on."""
    modules = {
        "detect": ["serve/detect.py"],
        "estimate": ["serve/estimate.py", "runners/estimate.py"],
        "grade": ["serve/grade.py", "runners/grade.py"],
        "record": ["serve/record.py", "runners/record.py"],
        "care": ["serve/care.py", "care/relay.py"],
        "hospital": ["serve/hospital.py"],
        "imaging": ["serve/imaging_studies.py", "runners/front.py"],
    }
    root = Path(wince.__file__).parent
    names = {"FACES": FACES, "ESTIMATES": ESTIMATES, "ASSESSMENTS": ASSESSMENTS, "CARE": CARE, "STAYS": STAYS}
    for service, files in modules.items():
        text = "".join((root / file).read_text("utf-8") for file in files)
        published = set(re.findall(r"(?:publish\(|send\(bus, )([A-Z]+)\b", text))
        assert {names[name] for name in published} == {name for name in ALL if service in TOPICS[name].writers}, service
    others = [path for path in root.rglob("*.py") if re.search(r"publish\([A-Z]+\b|send\(bus, [A-Z]+\b", path.read_text("utf-8"))]
    known = {root / file for files in modules.values() for file in files}
    assert {str(path.relative_to(root)) for path in others if path not in known} == {"serve/embedded.py"}


def test_every_service_that_asks_for_the_bus_is_in_the_table() -> None:
    """Else the broker would refuse whatever it publishes."""
    asks = {name for name in PORTS if "deps.bus" in (Path(wince.__file__).parent / "serve" / f"{name}.py").read_text("utf-8")}
    assert asks == set(access.SERVICES)


def test_the_page_of_processes_says_the_same() -> None:
    """services/README.md: each topic's writers and readers, and what each service reads and writes."""
    page = (Path(wince.__file__).parents[1] / "README.md").read_text("utf-8")
    for name in ALL:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}`"))
        writers, _, readers = re.sub(r"\([^)]*\)", "", row.split("|")[4]).partition("->")
        for said, services in ((writers, TOPICS[name].writers), (readers, TOPICS[name].readers)):
            assert tuple(one.strip() for one in said.split(",")) == services, name
    for service in access.SERVICES:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{service}` |"))
        assert set(re.findall(r"wince\.\w+\.v1", row.split("|")[5])) == {name for name in ALL if service in TOPICS[name].writers}, service


def test_records_carry_the_headers_that_it_names() -> None:
    """In form and in number, by the bus that all share; and the id is what it is said to be made of."""
    said = document()["components"]["schemas"]["headers"]
    carried = headers.complete(FACES, "camera-1", b"value", headers.headers("wince.api.detect.v1.Face"))
    assert set(carried) == set(said["required"]) == set(said["properties"])
    for name, value in carried.items():
        assert re.fullmatch(said["properties"][name].get("pattern", ".*"), value.decode()), name
    digest = hashlib.sha256(b"\0".join((FACES.encode(), b"camera-1", b"value"))).hexdigest()
    assert carried["id"].decode() == digest[:32]


def test_dead_letters_carry_the_headers_that_it_names() -> None:
    """Those that are always there, and those that are there sometimes; and no other that a foreign record brought along."""
    said = document()["components"]["schemas"]["letterHeaders"]
    foreign: dict[str, bytes] = {"schema": b"none", "name": b"Zzyzx", "topic": b"another"}
    bus = MemoryBus(flush_s=0.2)
    letters: list[Record] = []
    came = threading.Event()

    def keep(records: Sequence[Record]) -> None:
        letters.extend(records)
        if len(letters) == 3:
            came.set()

    bus.consume([dead_letters(FACES)], "letters", keep)
    most = TOPICS[FACES].max_bytes
    reading = Estimating(bus, [], lambda _batch: 0)
    huge = Record(FACES, "k" * 9000, bytes(most), foreign, 0, 6)
    reading.read([Record(FACES, "a", b"", {}, 3, 4), Record(FACES, "b", b"x", foreign, 0, 5), huge], ())
    assert came.wait(60)
    bus.close()
    for letter in letters:
        assert set(said["required"]) <= set(letter.headers) <= set(said["properties"])
        for name in ("topic", "position", "error"):
            assert re.fullmatch(said["properties"][name].get("pattern", ".+"), letter.headers[name].decode()), name
        assert letter.headers["topic"] == FACES.encode()
    plain, _, cut = letters
    assert plain.headers["position"] == b"3/4"
    assert "size" not in plain.headers
    assert cut.headers["size"] == str(most).encode()
    assert len(cut.value) + len(cut.key) + 2000 < TOPICS[dead_letters(FACES)].max_bytes


def test_the_partition_of_a_key_is_what_it_says() -> None:
    """Our client's murmur2 against one from its description; Java's producer: tests/integration/test_kafka_access.py."""
    assert f"(murmur2(key) & 0x7fffffff) % {PARTITIONS}" in document()["info"]["description"]
    for key in [b"", b"a", b"ab", b"abc", b"camera-1", "病床".encode(), b"x" * 300]:
        assert (theirs(key) & 0x7FFFFFFF) % PARTITIONS == (murmur2(key) & 0x7FFFFFFF) % PARTITIONS


def murmur2(data: bytes) -> int:
    """Austin Appleby's MurmurHash2 of 32 bits, seed 0x9747b28c."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def test_how_long_records_are_kept_and_how_topics_are_made() -> None:
    """Every setting that Wince gives a topic; a real broker's: tests/integration/test_kafka_bus.py."""
    for name, channel in document()["channels"].items():
        topic = TOPICS[name]
        assert channel["x-configs"] == topic.configs()
        assert channel["bindings"]["kafka"]["partitions"] == PARTITIONS
        retention = channel["bindings"]["kafka"]["topicConfiguration"].get("retention.ms")
        assert retention == topic.retention_ms
        assert channel["x-oldest-ms"] == (0 if topic.retention_ms is None else topic.retention_ms + topic.segment_ms + BROKER_LOOKS_MS)
