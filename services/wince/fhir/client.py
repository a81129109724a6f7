"""A FHIR R4 server as seen by a writer: one pooled HTTP client with limits, signed in where the server asks for it.

What a server answers is returned, not raised; `Unavailable` is raised only where no answer came (the outcome of the request is
then unknown). Texts of an OperationOutcome may quote a patient, so only its codes and expressions leave this module.
"""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any, Protocol, Self

import httpx

from wince.certificates import context, untrusted
from wince.errors import MessageError, Refused, Unavailable

OWN_CA = "name its authority (WINCE_EHR_CA_FILE), or the name that the certificate is for"
"""What to do where a certificate is not believed."""
FHIR_JSON = "application/fhir+json"
_MAX_RETRY_AFTER_S = 3600.0
ISSUE_CODES = frozenset({
    "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown", "expired", "forbidden", "suppressed",
    "processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted", "too-long", "code-invalid", "extension",
    "too-costly", "business-rule", "conflict", "transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled",
    "informational",
})  # fmt: skip
"""FHIR R4's value set IssueType. A server that writes something else there may write a name."""
_PATH = re.compile(
    r"(?:Bundle|Observation|Task|Provenance|AuditEvent|Device|Patient|Encounter)"
    r"(?:\.[a-z][A-Za-z]*(?:\[\d{1,4}\])?(?:\([a-zA-Z]*\))?)*"
)
_HEAD = {"Accept": FHIR_JSON, "Accept-Encoding": "identity", "User-Agent": "wince"}


class Auth(Protocol):
    """The source of bearer tokens. Thread-safe; may block for the token endpoint."""

    def token(self) -> str:
        """A token that is valid now. Raises Unavailable or Refused."""
        ...

    def invalidate(self, token: str) -> None:
        """The server refused this token; don't give it again."""
        ...


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes = field(repr=False)
    headers: httpx.Headers = field(repr=False)

    @cached_property
    def resource(self) -> dict[str, Any]:
        """The body as a resource; empty where there is none or it is not a JSON object."""
        if not self.body:
            return {}
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def location(self) -> str:
        """ "Type/id" of the resource that was written, from Location, Content-Location or the body; empty where none says it.

        >>> Answer(201, b"", httpx.Headers({"location": "http://ehr/fhir/Observation/7/_history/1"})).location
        'Observation/7'
        """
        for name in ("location", "content-location"):
            parts = self.headers.get(name, "").partition("/_history/")[0].rstrip("/").split("/")
            if len(parts) >= 2 and parts[-2][:1].isupper() and parts[-1]:
                return f"{parts[-2]}/{parts[-1]}"
        kind, identity = self.resource.get("resourceType"), self.resource.get("id")
        return f"{kind}/{identity}" if kind and identity and kind != "OperationOutcome" else ""

    @property
    def version(self) -> str:
        """Version id, from the ETag, the Location or the body's meta; empty where none says it."""
        tag = str(self.headers.get("etag", "")).removeprefix("W/").strip('"')
        if tag:
            return tag
        version = str(self.headers.get("location", "")).partition("/_history/")[2].strip("/")
        return version or str(self.resource.get("meta", {}).get("versionId", ""))

    @property
    def retry_after_s(self) -> float | None:
        """Retry-After in seconds (at most an hour); None where absent or given as a date."""
        try:
            seconds = float(self.headers.get("retry-after", ""))
        except ValueError:
            return None
        return min(max(seconds, 0.0), _MAX_RETRY_AFTER_S)

    def summary(self) -> str:
        """Status and, of an OperationOutcome, the codes and expressions of its first three errors: nothing about a patient.

        >>> body = b'{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invariant"}]}'
        >>> Answer(422, body, httpx.Headers()).summary()
        '422 invariant'
        """
        parts = [str(self.status)]
        issues = self.resource.get("issue") if self.resource.get("resourceType") == "OperationOutcome" else None
        for issue in (issues if isinstance(issues, list) else [])[:3]:
            if isinstance(issue, dict) and issue.get("severity") in ("error", "fatal"):
                where = issue.get("expression") or issue.get("location") or []
                paths = [path for path in where if isinstance(path, str) and _plain(path)] if isinstance(where, list) else []
                code = issue.get("code")
                parts.append(" ".join([code if isinstance(code, str) and code in ISSUE_CODES else "error", *paths[:1]]))
        return " ".join(parts)


def _plain(text: str) -> bool:
    """Whether a text is a path to an element of a resource, such as Observation.code.coding[0]; free text may name a patient."""
    return len(text) <= 120 and _PATH.fullmatch(text) is not None


class FhirClient:
    """Requests to one FHIR base URL. Thread-safe; every call blocks for at most about `timeout_s` times the phases of a request.

    No redirects are followed (a token would go with them), no cookies are kept, no proxy of the environment is used: requests go to
    httpx's transport directly, which also takes a fifth less time than its client does.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Auth | None = None,
        timeout_s: float = 10.0,
        max_answer_bytes: int = 4 << 20,
        connections: int = 8,
        verify: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """base_url: such as "https://ehr.example/fhir". verify: whose certificates are believed; None: as `certificates.context` has it
        without a file. transport: replaces the network, for tests."""
        self.base_url = base_url.rstrip("/")
        self._auth = auth
        self._limit = max_answer_bytes
        self._timeout = {"timeout": httpx.Timeout(timeout_s, connect=min(timeout_s, 5.0)).as_dict()}
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._transport = transport or httpx.HTTPTransport(verify=verify or context(None, ""), limits=limits, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self._transport.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request; `path` is below the base ("Observation/7"; "" is the base itself).

        A 401 is answered by one fresh token and the same request again. Raises Unavailable where no answer came (timeout,
        connection lost, token endpoint silent), Refused where the token endpoint says no, MessageError where the answer is too big.
        """
        url = f"{self.base_url}/{path}" if path else self.base_url
        head = {**_HEAD, **(headers or {})}
        if body is not None:
            head["Content-Type"] = FHIR_JSON
        token = self._auth.token() if self._auth else ""
        request = httpx.Request(method, url, content=body, headers=head, params=params, extensions=self._timeout)
        answer = self._send(request, token)
        if answer.status == 401 and self._auth:
            self._auth.invalidate(token)
            answer = self._send(request, self._auth.token())
        return answer

    def _send(self, request: httpx.Request, token: str) -> Answer:
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        try:
            response = self._transport.handle_request(request)
            try:
                return Answer(response.status_code, self._read(response), response.headers)
            finally:
                response.close()
        except httpx.TransportError as error:
            if words := untrusted(error):
                what = f"the FHIR server's certificate is not believed ({words})"
                raise Unavailable(what, field=self.base_url, remedy=OWN_CA) from None
            raise Unavailable(
                f"no answer from the FHIR server ({type(error).__name__})",
                field=self.base_url,
                remedy="see that it runs and can be reached",
            ) from None

    def _read(self, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise MessageError("the FHIR server's answer is compressed, though we asked for none", field=self.base_url)
        assert isinstance(response.stream, httpx.SyncByteStream)
        parts, size = [], 0
        for part in response.stream:
            size += len(part)
            if size > self._limit:
                raise MessageError(f"the FHIR server's answer is larger than {self._limit} bytes", field=self.base_url)
            parts.append(part)
        return b"".join(parts)

    def capabilities(self) -> Capabilities:
        """Read /metadata. Raises Refused where we may not (401, 403), Unavailable where it does not answer 200."""
        answer = self.request("GET", "metadata")
        if answer.status in (401, 403):
            remedy = "let our client read /metadata there"
            raise Refused(f"/metadata answered {answer.summary()}", field=self.base_url, remedy=remedy)
        if answer.status != 200:
            raise Unavailable(f"/metadata answered {answer.summary()}", field=self.base_url, retry_after_s=answer.retry_after_s)
        return Capabilities.of(answer.resource)


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
        rest = [part for part in statement.get("rest", []) if part.get("mode") == "server"]
        if statement.get("resourceType") != "CapabilityStatement" or not rest:
            raise MessageError(
                "/metadata is no CapabilityStatement of a server", field="CapabilityStatement.rest", remedy="is this the FHIR base URL?"
            )
        if not str(statement.get("fhirVersion", "")).startswith("4.0"):
            raise MessageError("the server does not speak FHIR R4", field="CapabilityStatement.fhirVersion", remedy="name its R4 base URL")
        types = {part["type"]: part for part in rest[0].get("resource", []) if "type" in part}
        return Capabilities(
            {kind: frozenset(i.get("code", "") for i in part.get("interaction", [])) for kind, part in types.items()},
            frozenset(kind for kind, part in types.items() if part.get("conditionalCreate") is True),
            frozenset(kind for kind, part in types.items() if part.get("updateCreate") is True),
        )

    def can(self, kind: str, interaction: str) -> bool:
        """Whether the server declares an interaction for a type."""
        return interaction in self.interactions.get(kind, frozenset())
