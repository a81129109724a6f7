"""Control ids: computed, so that a message that is sent again is known as the same one by receivers that look at MSH-10."""

from __future__ import annotations

import base64
import hashlib
from uuid import UUID

LENGTH = 20
"""Characters: the longest MSH-10 until v2.6."""


def control_id(entry: UUID, revision: int, kind: str) -> str:
    """MSH-10 of a message about a revision of an entry: 20 letters and digits, 100 bits of sha256. `kind`: ORU or MDM.

    >>> control_id(UUID(int=1), 1, "ORU") == control_id(UUID(int=1), 1, "ORU") != control_id(UUID(int=1), 2, "ORU")
    True
    """
    digest = hashlib.sha256(f"{entry} {revision} {kind}".encode()).digest()
    return base64.b32encode(digest).decode()[:LENGTH]
