"""A proxy that spoils answers: between a client and a real FHIR server, it does to exchanges what networks, gateways and servers do.

Each request is carried out by the server unless its fault says otherwise; what comes back is dropped, cut, delayed or replaced.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import threading
from collections import Counter
from concurrent.futures import Future
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

FAULTS = (
    "drop_before", "drop_after", "cut", "hang", "dribble", "502", "503", "500_before", "redirect", "page", "page_404", "page_403", "bare",
    "outcome", "wrong_type", "anothers", "nulls", "gzip", "odd_encoding", "bom", "423_before",
)  # fmt: skip
"""What can happen to an exchange; those that end in _before never reach the server."""
_PAGE = b"<!DOCTYPE html><html><body>The requested page was blocked.</body></html>"
_OUTCOME = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}'


class SpoilingProxy:
    """Listens on 127.0.0.1 on a thread of its own. `rate`: share of the requests below /fhir that are spoilt; `blind`: the header
    If-None-Exist is taken away, so that the server can't heed it."""

    def __init__(self, server: str, *, rate: float, seed: int = 0, blind: bool = False) -> None:
        """server: its base URL, such as http://127.0.0.1:8080/fhir."""
        parts = urlsplit(server)
        self._host, self._port, self._path = parts.hostname or "", parts.port or 80, parts.path
        self.rate, self.blind = rate, blind
        self.faults: Counter[str] = Counter()
        """How often each struck."""
        self.base_url = ""
        self._random = random.Random(seed)
        self._deck: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="spoiling-proxy", daemon=True)
        self._ready: Future[int] = Future()

    def __enter__(self) -> Self:
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._ready.result(30)}{self._path}"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=16 << 20)
        self._ready.set_result(server.sockets[0].getsockname()[1])
        await self._over.wait()
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False where the connection is over."""
        line, headers, body = await _message(reader)
        fault = self._next() if self._random.random() < self.rate and "/metadata" not in line else ""
        self.faults[fault] += 1
        if fault == "drop_before":
            return False
        if fault in ("500_before", "423_before"):
            status, answer, sent = int(fault[:3]), {}, _OUTCOME
        else:
            if self.blind:
                headers.pop("if-none-exist", None)
            status, answer, sent = await self._asked(line, headers, body)
        if fault in ("drop_after", "hang"):
            await asyncio.sleep(30 if fault == "hang" else 0)
            return False
        status, answer, sent = _spoilt(fault, status, answer, sent)
        head = "".join(f"{name}: {value}\r\n" for name, value in answer.items())
        whole = f"HTTP/1.1 {status} Spoilt\r\n{head}Content-Length: {len(sent)}\r\n\r\n".encode("latin-1") + sent
        if fault == "dribble":
            for at in range(len(whole)):
                writer.write(whole[at : at + 1])
                await asyncio.sleep(0.05)
        writer.write(whole[: len(whole) // 2] if fault == "cut" else whole)
        await writer.drain()
        return fault != "cut"

    def _next(self) -> str:
        """Each once before any comes again, so that a short run has them all."""
        self._deck = self._deck or self._random.sample(FAULTS, len(FAULTS))
        return self._deck.pop()

    async def _asked(self, line: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=16 << 20)
        try:
            headers |= {"host": f"{self._host}:{self._port}", "connection": "close"}
            head = "\r\n".join([line, *(f"{name}: {value}" for name, value in headers.items())])
            writer.write(f"{head}\r\n\r\n".encode("latin-1") + body)
            await writer.drain()
            first, answer, sent = await _message(reader, to_end=True)
            kept = {name: value for name, value in answer.items() if name in ("content-type", "location", "etag", "retry-after", "date")}
            return int(first.split(" ")[1]), kept, sent
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader, *, to_end: bool = False) -> tuple[str, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if headers.get("transfer-encoding", "") == "chunked":
        chunks = []
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            chunks.append((await reader.readexactly(size + 2))[:-2])
        return head[0], headers, b"".join(chunks)
    if "content-length" in headers:
        return head[0], headers, await reader.readexactly(int(headers["content-length"]))
    return head[0], headers, await reader.read() if to_end else b""


def _spoilt(fault: str, status: int, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    html = {"Content-Type": "text/html"}
    match fault:
        case "502" | "503":
            return int(fault), {"Retry-After": "0"} | html, _PAGE
        case "redirect":
            return 302, {"Location": "https://login.example/"}, b""
        case "page":
            return 200, html, _PAGE
        case "page_404" | "page_403":
            return int(fault[-3:]), html, _PAGE
        case "bare":
            return status, {}, b""
        case "outcome":
            return status, {}, _OUTCOME
        case "wrong_type":
            return status, {}, b'{"resourceType":"Basic","id":"1"}'
        case "anothers":
            return status, {}, b'{"resourceType":"Observation","id":"9","identifier":[{"system":"urn:x","value":"y"}]}'
        case "nulls":
            return status, headers, _nulls(body)
        case "gzip":
            return status, headers | {"Content-Encoding": "gzip"}, gzip.compress(body)
        case "odd_encoding":
            return status, headers | {"Content-Encoding": "utf-8"}, body
        case "bom":
            return status, headers, b"\xef\xbb\xbf" + body if body else body
    return status, headers, body


def _nulls(body: bytes) -> bytes:
    try:
        made = json.loads(body)
    except ValueError:
        return body
    return json.dumps({**made, "text": None, "contained": None, "extension": None}).encode()
