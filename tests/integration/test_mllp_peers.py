"""Foreign senders against our listener on PostgreSQL: Python's `hl7` and Medplum's client, 1,000 messages on their way at once, and TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import hl7
import pytest
from hl7.mllp import open_hl7_connection

from tests.support.certificates import Authority
from wince.hl7.client import MllpClient
from wince.hospital.listener import AdtListener
from wince.hospital.site import Site
from wince.local import npm
from wince.store.database import Database
from wince.store.stays import PostgresCensus
from wince.testing.hl7 import Person, adt
from wince.testing.peers import mllp

SECOND = 1_000_000
COUNT = 1000


def messages(count: int = COUNT) -> list[str]:
    """Admissions to beds of their own, each with a control id of its own."""
    return [adt("A01", Person(f"P{n}", "Müller"), f"W^1^{n}", f"V{n}", n * SECOND, control_id=f"C{n}") for n in range(count)]


EXPECTED = [("AA", f"C{n}") for n in range(COUNT)]


@pytest.fixture
def listener(database: Database) -> Iterator[AdtListener]:
    with AdtListener(PostgresCensus(database), Site()) as running:
        yield running


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, dict[str, str]]:
    """The listener's side, and the files of a sender whom it lets in."""
    authority = Authority(tmp_path)
    theirs, sender = authority.issue("localhost", "127.0.0.1"), authority.issue("engine")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.load_cert_chain(*map(str, theirs))
    context.verify_mode = ssl.CERT_REQUIRED
    return context, {"ca": str(authority.file), "cert": str(sender[0]), "key": str(sender[1]), "servername": "localhost"}


async def _converse(port: int, texts: list[str], context: ssl.SSLContext | None = None) -> list[tuple[str, str]]:
    options = {"ssl": context, "server_hostname": "localhost"} if context is not None else {}
    reader, writer = await open_hl7_connection("127.0.0.1", port, encoding="utf-8", **options)
    reading = asyncio.gather(*[_answers(reader, len(texts))])
    for text in texts:
        writer.writemessage(hl7.parse(text))
        await writer.drain()
    (found,) = await reading
    writer.close()
    return found


async def _answers(reader, count: int) -> list[tuple[str, str]]:  # type: ignore[no-untyped-def]
    found = []
    for _ in range(count):
        msa = (await reader.readmessage()).segment("MSA")
        found.append((str(msa[1]), str(msa[2])))
    return found


def test_pythons_hl7_pipelines_a_thousand_messages(listener: AdtListener, database: Database) -> None:
    assert asyncio.run(_converse(listener.port, messages())) == EXPECTED
    assert len(PostgresCensus(database).current()) == COUNT


def test_pythons_hl7_over_tls_with_its_certificate(database: Database, tls: tuple[ssl.SSLContext, dict[str, str]]) -> None:
    ours, files = tls
    sender = ssl.create_default_context(cafile=files["ca"])
    sender.load_cert_chain(files["cert"], files["key"])
    with AdtListener(PostgresCensus(database), Site(), tls=ours) as listener:
        assert asyncio.run(_converse(listener.port, messages(50), sender)) == EXPECTED[:50]


needs_node = pytest.mark.skipif(bool(npm.available()), reason=npm.available() or "node is here")


@needs_node
@pytest.mark.peer
@pytest.mark.parametrize("ahead", [1, COUNT])
def test_medplums_client_sends_a_thousand_messages(listener: AdtListener, database: Database, ahead: int) -> None:
    assert list(mllp.send("127.0.0.1", listener.port, messages(), ahead=ahead).answers) == EXPECTED
    assert len(PostgresCensus(database).current()) == COUNT


@needs_node
@pytest.mark.peer
def test_medplums_client_over_tls_with_its_certificate(database: Database, tls: tuple[ssl.SSLContext, dict[str, str]]) -> None:
    ours, files = tls
    with AdtListener(PostgresCensus(database), Site(), tls=ours) as listener:
        assert list(mllp.send("127.0.0.1", listener.port, messages(100), ahead=20, tls=files).answers) == EXPECTED[:100]


@needs_node
@pytest.mark.peer
def test_our_client_is_answered_by_medplums_server() -> None:
    with mllp.server() as port, MllpClient("127.0.0.1", port) as client:
        found = [answers[0] for _, answers in client.pipeline((text.encode() for text in messages(20)), 5)]
    assert all(b"MSA|AA|C" in one for one in found)
