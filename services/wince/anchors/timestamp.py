"""An authority that dates checkpoints: RFC 3161 over HTTP (section 3.4).

The authority keeps nothing. Its signed answers stand in a file here, which proves when a checkpoint was there, also to somebody who
believes neither this host nor the site's key. Only a hash goes out. The file itself should lie on another host, like `anchor_file`.
"""

from __future__ import annotations

import json
import os
import time
from base64 import b64decode, b64encode
from datetime import UTC
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509

from wince import certificates, plain_file
from wince.domain.audit import Checkpoint, Witness
from wince.errors import ConfigError, IntegrityError, Refused, ResourceError, Unavailable
from wince.store import checkpoint_file

FIELD = "anchor_tsa_url"
LIMIT_S = 20.0
"""For a whole exchange."""
_LARGEST = 1 << 16
"""Bytes of an answer."""


class TimestampPlace:
    """Checkpoints with an authority's dated signature."""

    kind = "timestamp"

    def __init__(self, url: str, ca_file: Path, file: Path, every_s: float) -> None:
        """`ca_file`: the authorities, PEM, whose signature is believed. `file`: takes the answers."""
        self._url, self._ca_file, self._file = url, ca_file, file
        self.name = f"timestamp {url}"
        self.every_s = every_s

    def put(self, point: Checkpoint, key: str) -> None:
        """See Place.put."""
        if checkpoint_file.newest(self._file) == point:
            return
        token = self._ask(point.message())
        said = json.loads(checkpoint_file.line(point, key)) | {"token": b64encode(token).decode()}
        checkpoint_file.append_line(self._file, json.dumps(said))

    def witnesses(self) -> list[Witness]:
        """See Place.witnesses. Holds each token against its checkpoint."""
        return [self._read(number, line) for number, line in enumerate(checkpoint_file.whole_lines(self._file), 1)]

    def probe(self) -> str:
        """See Place.probe: has some random bytes dated."""
        self._ask(os.urandom(32))
        return f"answers, {len(self.witnesses())} timestamps"

    def _read(self, number: int, line: str) -> Witness:
        point = checkpoint_file.parse(line)
        try:
            token = b64decode(json.loads(line)["token"])
        except (ValueError, TypeError, KeyError):
            token = b""
        if point is None or not token:
            raise IntegrityError(f"line {number} is no timestamp", field=str(self._file), remedy="compare with the copy of the file")
        at = self._held(token, point.message(), IntegrityError, str(self._file))
        return Witness(point.seq, point.head, self.name, at)

    def _ask(self, message: bytes) -> bytes:
        """The authority's answer, proven. Raises Unavailable, Refused."""
        self._parts  # noqa: B018  says what is not installed
        from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

        request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build()
        token = self._post(request.as_bytes())
        self._held(token, message, Refused, FIELD, request.nonce)
        return token

    def _held(self, token: bytes, message: bytes, kind: type[Refused | IntegrityError], field: str, nonce: int | None = None) -> str:
        """When the authority dated the message; raises `kind` where it did not."""
        decode, builder, failure = self._parts
        roots = self._roots
        try:
            answer = decode(token)
            builder(roots=list(roots), nonce=nonce).build().verify_message(answer, message)
            return str(answer.tst_info.gen_time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        except (failure, ValueError, TypeError) as error:
            remedy = "see anchor_tsa_url and anchor_tsa_ca_file"
            raise kind(f"the timestamp does not hold ({type(error).__name__})", field=field, remedy=remedy) from None

    def _post(self, request: bytes) -> bytes:
        deadline, found = time.monotonic() + LIMIT_S, b""
        headers = {"content-type": "application/timestamp-query", "accept": "application/timestamp-reply"}
        try:
            with (
                httpx.Client(verify=certificates.context(None, FIELD), timeout=LIMIT_S / 2, trust_env=True) as client,
                client.stream("POST", self._url, content=request, headers=headers) as answer,
            ):
                for chunk in answer.iter_raw():
                    found += chunk
                    if len(found) > _LARGEST or time.monotonic() > deadline:
                        raise Refused("answers too much, or too slowly", field=FIELD, remedy="is it a timestamp authority (RFC 3161)?")
        except httpx.HTTPError as error:
            raise Unavailable(f"can't be reached ({type(error).__name__})", field=FIELD, remedy="it is tried again") from None
        if answer.status_code >= 500:
            raise Unavailable(f"answered {answer.status_code}", field=FIELD, remedy="it is tried again")
        if answer.status_code != 200:
            raise Refused(f"answered {answer.status_code}", field=FIELD, remedy="is it a timestamp authority (RFC 3161)?")
        return found

    @cached_property
    def _parts(self) -> tuple[Any, Any, type[Exception]]:
        try:
            from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response
        except ImportError:
            raise ConfigError(
                "rfc3161-client is not installed", field=FIELD, remedy="install it: `make anchors` in the clone (docs/how-to/install.md)"
            ) from None
        return decode_timestamp_response, VerifierBuilder, VerificationError

    @cached_property
    def _roots(self) -> list[x509.Certificate]:
        try:
            return x509.load_pem_x509_certificates(plain_file.read(self._ca_file))
        except OSError as error:
            raise ResourceError(
                error.strerror or "can't be read", field=f"anchor_tsa_ca_file={self._ca_file}", remedy="name a PEM file"
            ) from None
        except ValueError:
            raise ConfigError("holds no certificate", field=f"anchor_tsa_ca_file={self._ca_file}", remedy="give a PEM file") from None
