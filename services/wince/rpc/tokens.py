"""Tokens that say where a list or stream goes on: sealed, so that only what a server answered comes back, and only with its request.

A token is base64url of a position (JSON) under AES-SIV (RFC 5297): a seal of 16 bytes, and what it seals, encrypted, since a position
may be that of a row that a bound caller must not see. The seal covers the request's kind and what it asked for, so a token of another bed,
filter or call is refused. The same position of the same request has the same token.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from google.protobuf.message import Message

from wince.errors import MessageError

LONGEST = 1024
"""Characters of a token that may be one of ours."""


def seal(key: bytes, request: Message, position: Sequence[int | str], *, apart: Collection[str]) -> str:
    """The token of a position. `apart`: fields of the request that may change from one call to the next, such as page_size."""
    said = json.dumps(list(position)).encode()
    return base64.urlsafe_b64encode(AESSIV(key).encrypt(said, _about(request, apart))).decode()


def unseal(
    key: bytes, request: Message, text: str, kinds: Sequence[type[int] | type[str]], *, field: str, apart: Collection[str]
) -> list[Any] | None:
    """The position that `seal` was given for a request that asks for the same; None for the empty text. Raises MessageError naming `field`
    for anything else."""
    if not text:
        return None
    try:
        raw = base64.b64decode(text.encode(), altchars=b"-_", validate=True) if len(text) <= LONGEST else b""
        found = json.loads(AESSIV(key).decrypt(raw, _about(request, apart)))
    except (binascii.Error, ValueError, InvalidTag):
        remedy = "give the one of the answer before, with the same request, or none"
        raise MessageError("is none that was answered to this request", field=field, remedy=remedy) from None
    if [type(one) for one in found] != list(kinds):  # sealed by an earlier release
        raise MessageError("is of another version of Wince", field=field, remedy="begin again without it")
    return list(found)


def _about(request: Message, apart: Collection[str]) -> list[bytes]:
    """What the seal covers beside the position."""
    asked = type(request)()
    asked.CopyFrom(request)
    for name in apart:
        asked.ClearField(name)
    return [request.DESCRIPTOR.full_name.encode(), asked.SerializeToString(deterministic=True)]
