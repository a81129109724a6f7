"""Tokens that say where a list or stream goes on: sealed, so that only what a server answered comes back, and only with its request.

A token is base64url of a seal (HMAC-SHA256, its first 16 bytes) and a position (JSON). The seal covers the request's kind and what it
asked for, so a token of another bed, filter or call is refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Collection, Sequence
from typing import Any

from google.protobuf.message import Message

from wince.errors import MessageError

_SEAL = 16
LONGEST = 1024
"""Characters of a token that may be one of ours."""


def seal(key: bytes, request: Message, position: Sequence[int | str], *, apart: Collection[str]) -> str:
    """The token of a position. `apart`: fields of the request that may change from one call to the next, such as page_size."""
    said = json.dumps(list(position)).encode()
    return base64.urlsafe_b64encode(_mac(key, request, said, apart) + said).decode()


def unseal(
    key: bytes, request: Message, text: str, kinds: Sequence[type[int] | type[str]], *, field: str, apart: Collection[str]
) -> list[Any] | None:
    """The position that `seal` was given for a request that asks for the same; None for the empty text. Raises MessageError naming `field`
    for anything else."""
    if not text:
        return None
    raw = b""
    if len(text) <= LONGEST:
        try:
            raw = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
    said = raw[_SEAL:]
    if not said or not hmac.compare_digest(raw[:_SEAL], _mac(key, request, said, apart)):
        remedy = "give the one of the answer before, with the same request, or none"
        raise MessageError("is none that was answered to this request", field=field, remedy=remedy)
    found = json.loads(said)
    if [type(one) for one in found] != list(kinds):  # sealed by an earlier release
        raise MessageError("is of another version of Wince", field=field, remedy="begin again without it")
    return list(found)


def _mac(key: bytes, request: Message, said: bytes, apart: Collection[str]) -> bytes:
    asked = type(request)()
    asked.CopyFrom(request)
    for name in apart:
        asked.ClearField(name)
    wanted = hashlib.sha256(asked.SerializeToString(deterministic=True)).digest()
    return hmac.digest(key, b"\x1f".join((request.DESCRIPTOR.full_name.encode(), wanted, said)), "sha256")[:_SEAL]
