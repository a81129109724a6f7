"""The EHR sandbox as one object: a server on 127.0.0.1 with a thread of its own."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import unquote
from uuid import NAMESPACE_URL, uuid5

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key

from wince.domain.stay import Identifier
from wince.errors import ConfigError, ResourceError, WinceError
from wince.fhir.scopes import WRITER_SCOPE
from wince.testing.ehr.faults import Fault, Faults
from wince.testing.ehr.rest import Refusal, Rest
from wince.testing.ehr.smart import Smart
from wince.testing.ehr.store import Resource, Store
from wince.testing.ehr.wire import Connection, Request, Response

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client signs in with."""

    client_id: str
    key_pem: bytes
    """Private key, EC P-384, unencrypted PEM."""
    kid: str
    scope: str

    def __repr__(self) -> str:
        return f"Credentials({self.client_id!r}, kid={self.kid!r})"


class EhrSandbox:
    """A FHIR R4 server for tests and demonstrations: real HTTP, real sign-in, kept in a directory, faulty on demand.

    >>> import tempfile, httpx
    >>> with tempfile.TemporaryDirectory() as directory, EhrSandbox(Path(directory), smart=False) as ehr:
    ...     httpx.get(f"{ehr.base_url}/metadata").json()["fhirVersion"]
    '4.0.1'
    """

    def __init__(
        self, directory: Path, *, smart: bool = True, port: int = 0, token_life_s: int = 300, seed: int = 0, public: str = ""
    ) -> None:
        """directory: kept there as ehr.sqlite; the same directory again is the same record. smart: ask every client to sign in.
        port: 0 takes a free one. seed: of the faults' rates. public: how clients reach it, where a proxy with TLS stands before it, such as
        "https://ehr.example"; "": as it listens."""
        self._public = public.rstrip("/")
        self._directory, self._smart_on, self._port, self._life = Path(directory), smart, port, token_life_s
        self.faults = Faults(seed)
        """The faults that stand."""
        self.base_url = ""
        """Such as http://127.0.0.1:41234/fhir; empty before `start`."""
        self.requests: Counter[str] = Counter()
        """Requests so far, by kind: create, update, read, search, transaction, metadata, token."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._open: set[Connection] = set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> str:
        """Serve; returns the base URL. Raises ResourceError where the port is taken or the directory can't be written."""
        ready: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="ehr-sandbox", daemon=True)
        self._thread.start()
        try:
            self._port = ready.result(timeout=30)
        except OSError as error:
            raise ResourceError(f"the EHR sandbox can't listen or write ({error.strerror})", field="port", remedy="take port 0") from error
        self.base_url = f"{self._public or self.origin}/fhir"
        return self.base_url

    @property
    def origin(self) -> str:
        """Where it listens, such as http://127.0.0.1:41234."""
        return f"http://127.0.0.1:{self._port}"

    def stop(self) -> None:
        """Close every connection and the file. Idempotent; `start` serves the same record again, on the same port."""
        loop, self._loop = self._loop, None
        if loop is not None:
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None:
            self._thread.join(timeout=30)
            self._thread = None

    def failed(self) -> BaseException | None:
        """An error where the thread that serves is gone although nobody stopped it."""
        thread = self._thread
        return None if thread is None or thread.is_alive() else WinceError("ehr-sandbox ended although nobody asked it to")

    def _run(self, ready: Future[int]) -> None:
        loop = asyncio.new_event_loop()
        try:
            store = Store(self._directory / "ehr.sqlite")
            server = loop.run_until_complete(self._listen(loop))
        except Exception as error:
            loop.close()
            ready.set_exception(error if isinstance(error, OSError) else OSError(0, str(error)))
            return
        self._server = server
        port = server.sockets[0].getsockname()[1]
        origin = self._public or f"http://127.0.0.1:{port}"
        self._store, self._rest, self._smart = store, Rest(store, f"{origin}/fhir", time.time), Smart(store, origin, self._life)
        self._loop = loop
        loop.call_soon(ready.set_result, port)
        try:
            loop.run_forever()
        finally:
            self._deaf()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
            store.close()

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> asyncio.Server:
        return await loop.create_server(lambda: Connection(self._handle, self._open), "127.0.0.1", self._port, reuse_address=True)

    def _deaf(self) -> None:
        self._server.close()
        for connection in list(self._open):
            connection.abort()

    def refuse(self, seconds: float) -> None:
        """Close every connection and refuse new ones for `seconds`. Blocks; the record and the port stay."""
        self._on_loop(self._deaf)
        try:
            time.sleep(seconds)
        finally:
            loop = self._loop
            if loop is not None:
                self._server = asyncio.run_coroutine_threadsafe(self._listen(loop), loop).result(timeout=30)

    def _on_loop(self, work: Callable[[], T]) -> T:
        loop = self._loop
        if loop is None:
            raise ConfigError("the EHR sandbox does not run", remedy="call start()")
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

        loop.call_soon_threadsafe(run)
        return done.result(timeout=30)

    def new_client(self, client_id: str = "wince", scope: str = WRITER_SCOPE) -> Credentials:
        """Register a client and give its key; the key is kept in the directory, so the same client comes back after a restart."""
        path = self._directory / f"client-{uuid5(NAMESPACE_URL, client_id)}.pem"
        if not path.exists():
            fresh = ec.generate_private_key(ec.SECP384R1())
            path.touch(mode=0o600)
            path.write_bytes(fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        pem = path.read_bytes()
        public = load_pem_private_key(pem, None).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self._on_loop(lambda: self._smart.register(client_id, "1", public, scope))
        return Credentials(client_id, pem, "1", scope)

    def seed(self, patients: Sequence[Identifier], encounters: Sequence[tuple[Identifier, Identifier]] = ()) -> None:
        """Make patients, and encounters given as (encounter, patient). Ids follow from the identifiers, so again changes nothing."""

        def identity(identifier: Identifier) -> str:
            return str(uuid5(NAMESPACE_URL, f"{identifier.system}|{identifier.value}"))

        for patient in patients:
            named = {"identifier": [{"system": patient.system, "value": patient.value}]}
            self.put({"resourceType": "Patient", "id": identity(patient), "active": True, **named})
        for encounter, patient in encounters:
            self.put(
                {
                    "resourceType": "Encounter",
                    "id": identity(encounter),
                    "identifier": [{"system": encounter.system, "value": encounter.value}],
                    "status": "in-progress",
                    "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
                    "subject": {"reference": f"Patient/{identity(patient)}"},
                }
            )

    def put(self, resource: Resource) -> None:
        """Write a resource under its id, as a user of the EHR would; no fault and no sign-in. Raises ConfigError where refused."""
        body = json.dumps(resource).encode()
        try:
            self._on_loop(lambda: self._rest.update(resource["resourceType"], resource["id"], body, {}))
        except Refusal as refusal:
            raise ConfigError(f"the sandbox refused the resource ({refusal})", field=", ".join(p.path for p in refusal.found)) from None

    def resources(self, kind: str, query: str = "") -> list[Resource]:
        """Every current resource of a type, in order of creation, at most 500; `query` as in a search."""
        return self._on_loop(lambda: self._store.find(kind, f"{query}&_count=500".lstrip("&"))[0])

    def count(self, kind: str, query: str = "") -> int:
        """How many current resources of a type there are; `query` as in a search."""
        return self._on_loop(lambda: self._store.find(kind, f"{query}&_count=1".lstrip("&"))[1])

    def _handle(self, request: Request) -> Response:
        if request.path == "/admin/faults":
            return self._admin(request)
        kind, resource, parts = _classified(request)
        self.requests[kind] += 1
        fault = self.faults.strike(kind, resource)
        if fault is not None and fault.effect == "status":
            return _struck(fault)
        if fault is not None and fault.effect == "drop":
            return Response(0, drop=True)
        if fault is not None and fault.effect == "expired":
            self._smart.expire(request, time.time(), fault.seconds)
        response = self._answer(request, kind, resource, parts)
        if fault is not None:
            _spoil(response, fault)
        return response

    def _answer(self, request: Request, kind: str, resource: str, parts: list[str]) -> Response:
        now = time.time()
        try:
            if kind == "token":
                return self._smart.token(request, now)
            if kind == "metadata":
                return self._smart.configuration() if parts[-1] == "smart-configuration" else self._rest.capabilities()
            if self._smart_on and (refusal := self._smart.refusal(request, kind, resource, now)):
                return refusal
            match kind:
                case "create":
                    return self._rest.create(resource, request.body, request.headers)
                case "update":
                    return self._rest.update(resource, parts[1], request.body, request.headers)
                case "read":
                    return self._rest.read(resource, parts[1], parts[3] if len(parts) == 4 else "")
                case "search":
                    return self._rest.search(resource, request.query)
                case "transaction":
                    scope = self._smart.scope_of(request)
                    return self._rest.transaction(request.body, lambda k, r: not self._smart_on or self._smart.allows(scope, k, r))
            return Refusal(405 if resource else 404, "not-supported").response()
        except Refusal as refusal:
            return refusal.response()
        except Exception as error:
            return Refusal(500, "exception", text=type(error).__name__).response()

    def _admin(self, request: Request) -> Response:
        try:
            if request.method == "POST":
                options: dict[str, Any] = json.loads(request.body)
                self.faults.add(**options)
            elif request.method == "DELETE":
                self.faults.clear()
        except (ValueError, TypeError, ConfigError) as error:
            text = error.diagnostics() if isinstance(error, ConfigError) else "a JSON object with the fields of a fault is expected"
            return Response(400, json.dumps({"error": text}).encode(), content_type="application/json")
        return Response(200, json.dumps({"faults": self.faults.listing()}).encode(), content_type="application/json")


def _spoil(response: Response, fault: Fault) -> None:
    match fault.effect:
        case "slow":
            response.delay_s = fault.seconds
        case "commit_then_timeout" | "commit_then_drop":
            response.drop = True
            response.delay_s = fault.seconds if fault.effect == "commit_then_timeout" else 0.0
        case "reset" | "truncated":
            response.half = "reset" if fault.effect == "reset" else "close"
        case "garbled":
            response.body = response.body[: len(response.body) // 2]


def _struck(fault: Fault) -> Response:
    response = Refusal(fault.status, "transient" if fault.status >= 429 else "processing", text="a fault that was switched on").response()
    if fault.retry_after_s is not None:
        response.headers["Retry-After"] = str(fault.retry_after_s)
    return response


def _classified(request: Request) -> tuple[str, str, list[str]]:
    """(kind of request, resource type, path parts below the base)."""
    path = unquote(request.path)
    if path == "/token":
        return ("token" if request.method == "POST" else "other"), "", []
    if path.rstrip("/") != "/fhir" and not path.startswith("/fhir/"):
        return "other", "", []
    parts = [part for part in path.removeprefix("/fhir").split("/") if part]
    if parts in (["metadata"], [".well-known", "smart-configuration"]):
        return "metadata", "", parts
    match request.method, len(parts):
        case "POST", 0:
            return "transaction", "", parts
        case "POST", 1:
            return "create", parts[0], parts
        case "PUT", 2:
            return "update", parts[0], parts
        case "GET", 1:
            return "search", parts[0], parts
        case "GET", 2:
            return "read", parts[0], parts
        case "GET", 4 if parts[2] == "_history":
            return "read", parts[0], parts
    return "other", parts[0] if parts else "", parts
