"""A FHIR R4 server as seen by a writer: one pooled HTTP client with limits, signed in where the server asks for it.

What a server answers is returned, not raised; `Unavailable` is raised only where no whole answer came (the outcome of the request is
then unknown).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import httpx

from wince.certificates import context
from wince.errors import MessageError, Refused, Unavailable
from wince.fhir.answer import Answer, origin, parts, text
from wince.fhir.exchange import Exchange

FHIR_JSON = "application/fhir+json"
_HEAD = {"Accept": FHIR_JSON, "Accept-Encoding": "identity", "User-Agent": "wince"}
_HOPS = 3
"""Redirects of one request that are followed."""


class Auth(Protocol):
    """The source of bearer tokens. Thread-safe; may block for the token endpoint."""

    def token(self) -> str:
        """A token that is valid now. Raises Unavailable or Refused."""
        ...

    def invalidate(self, token: str) -> None:
        """The server refused this token; don't give it again."""
        ...

    def interrupt(self) -> None:
        """Break off a request to the token endpoint that is in hand."""
        ...


class FhirClient:
    """Requests to one FHIR base URL. Thread-safe; a call blocks for at most `timeout_s` for each exchange (a redirect, a fresh token and
    the same request again are exchanges of their own).

    A redirect of a GET or PUT is followed only where it stays at the same scheme, host and port: the token goes nowhere else. No
    cookies are kept, no proxy of the environment is used.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Auth | None = None,
        timeout_s: float = 20.0,
        max_answer_bytes: int = 4 << 20,
        connections: int = 8,
        verify: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """base_url: such as "https://ehr.example/fhir". timeout_s: of one whole exchange. verify: whose certificates are believed; None: as
        `certificates.context` has it without a file. transport: replaces the network, for tests."""
        self.base_url = base_url.rstrip("/")
        self._auth = auth
        self._exchange = Exchange(
            "the FHIR server",
            total_s=timeout_s,
            connections=connections,
            limit=max_answer_bytes,
            verify=verify or (None if transport else context(None, "")),
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self._exchange.close()

    def interrupt(self) -> None:
        """Break off what is in hand, from another thread: its outcome is then unknown. For a stop that can't wait."""
        self._exchange.interrupt()
        if self._auth:
            self._auth.interrupt()

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request; `path` is below the base ("Observation/7"; "" is the base itself), or a whole URL at the same host.

        A 401 is answered by one fresh token and the same request again. Raises Unavailable where no whole answer came (timeout,
        connection lost, token endpoint silent), Refused where the token endpoint says no, MessageError where the answer is too big.
        """
        url = httpx.URL(path if path.startswith(("http://", "https://")) else f"{self.base_url}/{path}".rstrip("/"))
        if params:
            url = url.copy_merge_params(params)
        head = {**_HEAD, **(headers or {})}
        if body is not None:
            head["Content-Type"] = FHIR_JSON
        token = self._auth.token() if self._auth else ""
        answer = self._send(method, url, head, body, token)
        if answer.status == 401 and self._auth:
            self._auth.invalidate(token)
            answer = self._send(method, url, head, body, self._auth.token())
        return answer

    def _send(self, method: str, url: httpx.URL, head: dict[str, str], body: bytes | None, token: str) -> Answer:
        if token:
            head["Authorization"] = f"Bearer {token}"
        for _ in range(_HOPS + 1):
            if origin(url) != origin(self.base_url):
                raise MessageError("that address is not the FHIR server's", field=self.base_url)
            answer = self._exchange.send(method, url, head, body)
            onward = _onward(answer, method, url)
            if onward is None or origin(onward) != origin(url):
                return answer
            url = onward
        return answer

    def capabilities(self) -> Capabilities:
        """Read /metadata. Raises Refused where we may not (401, 403), Unavailable where it does not answer 200."""
        answer = self.request("GET", "metadata")
        if answer.status in (401, 403):
            remedy = "let our client read /metadata there"
            raise Refused(f"/metadata answered {answer.summary()}", field=self.base_url, remedy=remedy)
        if answer.status != 200:
            raise Unavailable(f"/metadata answered {answer.summary()}", field=self.base_url, retry_after_s=answer.retry_after_s)
        return Capabilities.of(answer.resource)


def _onward(answer: Answer, method: str, url: httpx.URL) -> httpx.URL | None:
    """Where a redirect leads that keeps the method (RFC 9110, 15.4: 307 and 308; 301 and 302 for a GET). A POST is never sent again unseen:
    who answers with a redirect may have carried it out."""
    keeps = {"GET": (301, 302, 307, 308), "PUT": (307, 308)}.get(method, ())
    if answer.status not in keeps or not answer.headers.get("location"):
        return None
    try:
        return url.join(answer.headers["location"])
    except httpx.InvalidURL:
        return None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server declares (CapabilityStatement.rest of mode server); what it does not declare is not used."""

    interactions: dict[str, frozenset[str]]
    """Per resource type: create, update, read, search-type, ..."""
    conditional_create: frozenset[str]
    """Types that honour If-None-Exist."""
    client_ids: frozenset[str]
    """Types that may be created by PUT with our id (updateCreate)."""

    @staticmethod
    def of(statement: dict[str, Any]) -> Capabilities:
        """Raises MessageError where it is no R4 CapabilityStatement with a server part."""
        rest = [found for found in parts(statement, "rest") if found.get("mode") == "server"]
        if statement.get("resourceType") != "CapabilityStatement" or not rest:
            raise MessageError(
                "/metadata is no CapabilityStatement of a server", field="CapabilityStatement.rest", remedy="is this the FHIR base URL?"
            )
        if not str(statement.get("fhirVersion", "")).startswith("4.0"):
            raise MessageError("the server does not speak FHIR R4", field="CapabilityStatement.fhirVersion", remedy="name its R4 base URL")
        types = {text(found, "type"): found for found in parts(rest[0], "resource")}
        return Capabilities(
            {kind: frozenset(text(i, "code") for i in parts(found, "interaction")) for kind, found in types.items()},
            frozenset(kind for kind, found in types.items() if found.get("conditionalCreate") is True),
            frozenset(kind for kind, found in types.items() if found.get("updateCreate") is True),
        )

    def can(self, kind: str, interaction: str) -> bool:
        """Whether the server declares an interaction for a type."""
        return interaction in self.interactions.get(kind, frozenset())
